#include "common/digest/sha256.h"

#include <random>
#include <string>
#include <vector>

#include "absl/random/distributions.h"
#include "common/concurrency/thread_pool_executor.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

// FIPS 180-4 examples, and messages of NIST's CAVP.
TEST(Sha256Test, KnownAnswers) {
  const struct {
    std::string message;
    const char* digest;
  } rows[] = {
      {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"abc",
       "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
      {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmno"
       "ijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
       "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
      {std::string(1000000, 'a'),
       "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
      {"\xd3",
       "28969cdfa74a12c82f3bad960b0b000aca2ac329deea5c2328ebc6f2ba9802c1"},
      {"\x11\xaf",
       "5ca7133fa735326081558ac312c620eeca9970d1e70a4b95533d956f072d1f98"},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(Sha256(row.message).ToHex(), row.digest)
        << row.message.substr(0, 80);
  }
}

TEST(Sha256Test, PiecesAreTheirConcatenation) {
  std::mt19937_64 random(TestSeed());
  for (int i = 0; i < 200; ++i) {
    std::string whole(absl::Uniform(random, 0, 5000), '\0');
    for (char& c : whole) c = static_cast<char>(random());
    std::vector<std::string_view> pieces;
    Sha256Hasher hasher;
    for (std::string_view rest = whole; !rest.empty();) {
      const size_t length =
          absl::Uniform<size_t>(absl::IntervalClosed, random, 0, rest.size());
      pieces.push_back(rest.substr(0, length));
      hasher.Update(pieces.back());
      rest.remove_prefix(length);
    }
    EXPECT_EQ(Sha256(pieces), Sha256(whole));
    EXPECT_EQ(hasher.Finish(), Sha256(whole));
  }
}

TEST(Sha256Test, HasherStartsAnewAfterFinish) {
  Sha256Hasher hasher;
  hasher.Update("something else");
  hasher.Finish();
  hasher.Update("abc");
  EXPECT_EQ(hasher.Finish(), Sha256("abc"));
  EXPECT_EQ(hasher.Finish(), Sha256(""));
}

TEST(Sha256Test, HasherMoves) {
  Sha256Hasher first;
  first.Update("a");
  Sha256Hasher second = std::move(first);
  second.Update("bc");
  EXPECT_EQ(second.Finish(), Sha256("abc"));
}

TEST(Sha256Test, ThreadsDoNotMeet) {
  const Digest expected = Sha256(std::string(100000, 'x'));
  std::vector<int> wrong(4, 0);
  const auto executor = ThreadPoolExecutor::Create({.threads = 4}).value();
  for (int t = 0; t < 4; ++t) {
    ASSERT_OK(executor->Schedule([&wrong, &expected, t] {
      for (int i = 0; i < 50; ++i) {
        if (Sha256(std::string(100000, 'x')) != expected) ++wrong[t];
      }
    }));
  }
  executor->Shutdown();
  EXPECT_EQ(wrong, std::vector<int>(4, 0));
}

}  // namespace
}  // namespace cairn
