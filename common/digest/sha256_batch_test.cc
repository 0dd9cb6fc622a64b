#include "common/digest/sha256_batch.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "absl/random/distributions.h"
#include "common/concurrency/thread_pool_executor.h"
#include "common/digest/sha256.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using Messages = std::vector<std::string_view>;

std::string RandomBytes(size_t size, std::mt19937_64& random) {
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; i += sizeof(uint64_t)) {
    const uint64_t value = random();
    std::memcpy(&bytes[i], &value, std::min(sizeof(value), size - i));
  }
  return bytes;
}

// Each message as one piece; `messages` outlives them.
std::vector<Sha256Message> Whole(const Messages& messages) {
  std::vector<Sha256Message> whole;
  for (const std::string_view& message : messages) {
    whole.emplace_back(&message, 1);
  }
  return whole;
}

// A message that ends where its heap buffer ends, and begins `shift` bytes
// after where it begins: the address sanitizer sees a read past either end.
class ExactMessage {
 public:
  ExactMessage(std::string_view bytes, size_t shift)
      : buffer_(new char[shift + bytes.size()]),
        view_(buffer_.get() + shift, bytes.size()) {
    std::copy(bytes.begin(), bytes.end(), buffer_.get() + shift);
  }
  std::string_view view() const { return view_; }

 private:
  std::unique_ptr<char[]> buffer_;
  std::string_view view_;
};

// Every method against OpenSSL, message by message.
class Sha256BatchTest : public testing::TestWithParam<Sha256Method> {
 protected:
  void ExpectAllRight(const Messages& messages) {
    std::vector<Digest> digests(messages.size());
    Sha256Batch(Whole(messages), digests, GetParam());
    for (size_t i = 0; i < messages.size(); ++i) {
      EXPECT_EQ(digests[i], Sha256(messages[i]))
          << "message " << i << " of " << messages.size() << ", "
          << messages[i].size() << " bytes";
    }
  }
};

INSTANTIATE_TEST_SUITE_P(, Sha256BatchTest,
                         testing::ValuesIn(Sha256Methods().begin(),
                                           Sha256Methods().end()),
                         [](const auto& method) {
                           return method.param == Sha256Method::kLanes
                                      ? "Lanes"
                                      : "OpenSsl";
                         });

TEST_P(Sha256BatchTest, KnownAnswers) {
  const Messages messages = {
      "", "abc", "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"};
  std::vector<Digest> digests(3);
  Sha256Batch(Whole(messages), digests, GetParam());
  EXPECT_EQ(digests[0].ToHex(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(digests[1].ToHex(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(digests[2].ToHex(),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST_P(Sha256BatchTest, NoMessages) { ExpectAllRight({}); }

TEST_P(Sha256BatchTest, AMessageOfNoBytesMayHaveNoAddress) {
  ExpectAllRight({std::string_view(), "a", std::string_view()});
}

TEST_P(Sha256BatchTest, EveryLengthToAPageAloneAndBesideOthers) {
  std::mt19937_64 random(TestSeed());
  const std::string bytes = RandomBytes(4096 + 64, random);
  Messages all;
  for (size_t length = 0; length <= 4096; ++length) {
    all.push_back(std::string_view(bytes).substr(length % 64, length));
    ExpectAllRight({all.back()});
  }
  ExpectAllRight(all);
  for (size_t lanes = 2; lanes <= 5; ++lanes) {
    for (size_t i = 0; i + lanes <= all.size(); i += lanes) {
      ExpectAllRight(Messages(all.begin() + i, all.begin() + i + lanes));
    }
  }
}

TEST_P(Sha256BatchTest, RandomLanes) {
  std::mt19937_64 random(TestSeed());
  for (int round = 0; round < 2000; ++round) {
    const size_t count = absl::Uniform(absl::IntervalClosed, random, 1, 9);
    std::vector<ExactMessage> exact;
    Messages messages;
    for (size_t i = 0; i < count; ++i) {
      const size_t length = absl::LogUniform(random, 0, 100'000);
      exact.emplace_back(RandomBytes(length, random),
                         absl::Uniform(random, 0, 64));
      messages.push_back(exact.back().view());
    }
    ExpectAllRight(messages);
  }
}

TEST_P(Sha256BatchTest, MessagesInPieces) {
  std::mt19937_64 random(TestSeed());
  for (int round = 0; round < 1000; ++round) {
    const size_t count = absl::Uniform(absl::IntervalClosed, random, 1, 6);
    std::vector<std::string> bytes;
    std::vector<std::vector<ExactMessage>> exact(count);
    std::vector<Messages> pieces(count);
    for (size_t i = 0; i < count; ++i) {
      bytes.push_back(RandomBytes(absl::LogUniform(random, 0, 5000), random));
      std::string_view rest = bytes.back();
      // Small ones, large ones, and some that are empty.
      do {
        const size_t length =
            std::min(rest.size(), absl::Uniform<size_t>(random, 0, 3) *
                                      absl::LogUniform<size_t>(random, 0, 400));
        exact[i].emplace_back(rest.substr(0, length), 0);
        pieces[i].push_back(exact[i].back().view());
        rest.remove_prefix(length);
      } while (!rest.empty());
    }
    const std::vector<Sha256Message> messages(pieces.begin(), pieces.end());
    std::vector<Digest> digests(count);
    Sha256Batch(messages, digests, GetParam());
    for (size_t i = 0; i < count; ++i) {
      EXPECT_EQ(digests[i], Sha256(bytes[i]))
          << bytes[i].size() << " bytes in " << pieces[i].size() << " pieces";
    }
  }
}

// Neighbours that end first, in every order, around the length of a turn.
TEST_P(Sha256BatchTest, ShortBesideLong) {
  std::mt19937_64 random(TestSeed());
  const std::string bytes = RandomBytes(1 << 20, random);
  const std::string_view view = bytes;
  std::vector<size_t> lengths = {0, 1, 64, 8191, 8192, 100'000, 1 << 20};
  for (int round = 0; round < 100; ++round) {
    std::shuffle(lengths.begin(), lengths.end(), random);
    Messages messages;
    for (const size_t length : lengths) {
      messages.push_back(view.substr(0, length));
      ExpectAllRight(messages);
    }
  }
}

TEST_P(Sha256BatchTest, BigMessages) {
  std::mt19937_64 random(TestSeed());
  const std::string bytes = RandomBytes(20 << 20, random);
  const std::string_view view = bytes;
  ExpectAllRight({view, view.substr(1, 16 << 20), view.substr(3 << 20),
                  view.substr(7, 4 << 20), view.substr(5 << 20, 4 << 20),
                  view.substr(12'345'678), view.substr(1, 1)});
}

TEST_P(Sha256BatchTest, MoreBitsThan32BitsCount) {
  // 2^32 bits and more: the length in the padding needs its upper half. The
  // zeros are not in memory: the system has one page of them for all.
  constexpr size_t kBytes = (size_t{1} << 29) + 5;
  void* const map =
      mmap(nullptr, kBytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(map, MAP_FAILED);
  ExpectAllRight({{static_cast<const char*>(map), kBytes}, "beside"});
  EXPECT_EQ(munmap(map, kBytes), 0);
}

TEST_P(Sha256BatchTest, TouchesNothingBesideTheMessages) {
  // A page that can be read between two that cannot.
  constexpr size_t kPage = 4096;
  void* const map =
      mmap(nullptr, 3 * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(map, MAP_FAILED);
  char* const page = static_cast<char*>(map) + kPage;
  ASSERT_EQ(mprotect(page, kPage, PROT_READ | PROT_WRITE), 0);
  for (size_t i = 0; i < kPage; ++i) page[i] = static_cast<char>(i * 31);
  const std::string_view view(page, kPage);
  for (size_t length = 0; length < 200; ++length) {
    ExpectAllRight({view.substr(0, length), view.substr(kPage - length),
                    view.substr(kPage - length / 2), view.substr(length),
                    view.substr(0, kPage - length)});
  }
  EXPECT_EQ(munmap(map, 3 * kPage), 0);
}

TEST_P(Sha256BatchTest, ThreadsDoNotMeet) {
  const std::string bytes(100'000, 'x');
  const Messages messages = {bytes, std::string_view(bytes).substr(1), "abc"};
  std::vector<Digest> expected(messages.size());
  Sha256Batch(Whole(messages), expected, GetParam());
  std::vector<int> wrong(4, 0);
  const auto executor = ThreadPoolExecutor::Create({.threads = 4}).value();
  for (int t = 0; t < 4; ++t) {
    ASSERT_OK(executor->Schedule([&, t, method = GetParam()] {
      for (int i = 0; i < 50; ++i) {
        std::vector<Digest> digests(messages.size());
        Sha256Batch(Whole(messages), digests, method);
        if (digests != expected) ++wrong[t];
      }
    }));
  }
  executor->Shutdown();
  EXPECT_EQ(wrong, std::vector<int>(4, 0));
}

TEST(Sha256BatchOverloadTest, WholeMessagesByTheFastestMethod) {
  const std::string bytes(1000, 'y');
  const Messages messages = {bytes, "abc", ""};
  std::vector<Digest> digests(messages.size());
  Sha256Batch(messages, digests);
  for (size_t i = 0; i < messages.size(); ++i) {
    EXPECT_EQ(digests[i], Sha256(messages[i]));
  }
}

TEST(Sha256MethodsTest, HaveOpenSslLastAndLanesWhereTheProcessorHasSha) {
  const auto methods = Sha256Methods();
  ASSERT_FALSE(methods.empty());
  EXPECT_EQ(methods.back(), Sha256Method::kOpenSsl);
#ifdef __x86_64__
  std::ifstream cpuinfo("/proc/cpuinfo");
  std::stringstream text;
  text << cpuinfo.rdbuf();
  ASSERT_FALSE(text.str().empty());
  const bool has_sha = text.str().find(" sha_ni") != std::string::npos;
  EXPECT_EQ(methods.front() == Sha256Method::kLanes, has_sha);
#endif
}

}  // namespace
}  // namespace cairn
