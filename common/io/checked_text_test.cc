#include "common/io/checked_text.h"

#include <memory>
#include <random>
#include <string>

#include "absl/random/distributions.h"
#include "common/testing/faulty_file_system.h"
#include "common/testing/in_memory_file_system.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using ::testing::HasSubstr;

const TextFields kFields = {{"a", "1"}, {"b", ""}, {"c", "x: y"}};

TEST(CheckedTextTest, RoundTrips) {
  const std::string text = EncodeCheckedText(kFields);
  EXPECT_EQ(text.substr(0, 20), "a: 1\nb: \nc: x: y\nche");
  EXPECT_THAT(DecodeCheckedText(text), IsOkAndHolds(kFields));
  EXPECT_THAT(DecodeCheckedText(EncodeCheckedText({})),
              IsOkAndHolds(TextFields()));
}

TEST(CheckedTextTest, EveryDamageIsFound) {
  std::mt19937_64 random(TestSeed());
  const std::string good = EncodeCheckedText(kFields);
  for (size_t length = 0; length < good.size(); ++length) {
    EXPECT_THAT(DecodeCheckedText(good.substr(0, length)),
                StatusIs(absl::StatusCode::kDataLoss));
  }
  for (size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] ^= static_cast<char>(1 << absl::Uniform(random, 0, 8));
    EXPECT_THAT(DecodeCheckedText(bad), StatusIs(absl::StatusCode::kDataLoss))
        << at;
  }
  EXPECT_THAT(DecodeCheckedText(good + "\n"),
              StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(DecodeCheckedText(good + good),
              StatusIs(absl::StatusCode::kDataLoss));
}

TEST(CheckedTextTest, ErrorsNameTheFile) {
  InMemoryFileSystem files;
  EXPECT_THAT(ReadCheckedText(files, "", "F"),
              StatusIs(absl::StatusCode::kNotFound));
  {
    ASSERT_OK_AND_ASSIGN(const auto file, files.Create("/F"));
    ASSERT_OK(file->WriteAt(0, {{std::string(kMaxCheckedTextBytes + 1, 'x')}}));
  }
  EXPECT_THAT(ReadCheckedText(files, "", "F"),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("/F")));
}

// Power is cut after every number of steps of a replacement, many times.
TEST(CheckedTextTest, AfterAPowerCutItIsTheOldOrTheNewFile) {
  std::mt19937_64 random(TestSeed());
  const TextFields before = {{"value", "old"}};
  const TextFields after = {{"value", "new"}};
  bool saw_old = false, saw_new = false;
  for (int round = 0; round < 50; ++round) {
    for (uint64_t steps = 0;; ++steps) {
      InMemoryFileSystem base;
      ASSERT_OK(base.CreateDirectories("/d"));
      ASSERT_OK(base.SyncDirectory("/"));
      ASSERT_OK(WriteCheckedText(base, "/d", "F", before));
      FaultyFileSystem files(&base);
      files.FailAllAfter(steps, absl::InternalError("crashed"));
      const absl::Status written = WriteCheckedText(files, "/d", "F", after);
      base.PowerCut(random);
      ASSERT_OK_AND_ASSIGN(const TextFields found,
                           ReadCheckedText(base, "/d", "F"));
      if (written.ok()) {
        ASSERT_EQ(found, after);
        // A left-over temporary file is no hindrance.
        ASSERT_OK(WriteCheckedText(base, "/d", "F", before));
        break;
      }
      ASSERT_TRUE(found == before || found == after);
      saw_old |= found == before;
      saw_new |= found == after;
      ASSERT_OK(WriteCheckedText(base, "/d", "F", after));
    }
  }
  EXPECT_TRUE(saw_old && saw_new);
}

}  // namespace
}  // namespace cairn
