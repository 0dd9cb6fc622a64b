#include "common/chunking/chunker.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/model/archive.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using ::testing::HasSubstr;

constexpr uint32_t kKiB = 1 << 10;
constexpr uint32_t kMiB = 1 << 20;

TEST(ValidateChunkerSpecTest, AcceptsTheAllowedRange) {
  for (const ChunkerSpec& spec : std::vector<ChunkerSpec>{
           {"fixed-v1", 4 * kKiB, 4 * kKiB, 4 * kKiB},
           {"fixed-v1", 16 * kMiB, 16 * kMiB, 16 * kMiB},
           {"poly-v1", 4 * kKiB, 8 * kKiB, 16 * kKiB},
           {"poly-v1", 4 * kKiB, 1 * kMiB, 16 * kMiB},
           {"poly-v1", 4 * kMiB, 8 * kMiB, 16 * kMiB},
       }) {
    EXPECT_OK(ValidateChunkerSpec(spec));
    EXPECT_OK(NewChunker(spec));
  }
}

TEST(ValidateChunkerSpecTest, RefusesEverythingElse) {
  struct Case {
    ChunkerSpec spec;
    const char* text;
  };
  for (const Case& c : std::vector<Case>{
           {{"", 4 * kKiB, 4 * kKiB, 4 * kKiB}, "chunker name"},
           {{"poly-v2", 4 * kKiB, 8 * kKiB, 16 * kKiB}, "poly-v2"},
           {{"x\n", 4 * kKiB, 8 * kKiB, 16 * kKiB}, "x\\n"},
           {{"fixed-v1", 0, 0, 0}, "min_bytes is 0"},
           {{"fixed-v1", 2 * kKiB, 2 * kKiB, 2 * kKiB}, "min_bytes is 2048"},
           {{"fixed-v1", 32 * kMiB, 32 * kMiB, 32 * kMiB}, "min_bytes"},
           {{"fixed-v1", 5000, 5000, 5000}, "powers of two"},
           {{"fixed-v1", 4 * kKiB, 8 * kKiB, 8 * kKiB}, "min = average = max"},
           {{"fixed-v1", 4 * kKiB, 4 * kKiB, 8 * kKiB}, "min = average = max"},
           {{"poly-v1", 4 * kKiB, 5000, 16 * kKiB}, "average_bytes is 5000"},
           {{"poly-v1", 4 * kKiB, 8 * kKiB, 32 * kMiB}, "max_bytes"},
           {{"poly-v1", 8 * kKiB, 8 * kKiB, 16 * kKiB}, "min < average < max"},
           {{"poly-v1", 4 * kKiB, 8 * kKiB, 8 * kKiB}, "min < average < max"},
           {{"poly-v1", 16 * kKiB, 8 * kKiB, 4 * kKiB}, "min < average < max"},
       }) {
    EXPECT_THAT(
        ValidateChunkerSpec(c.spec),
        StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(c.text)));
    EXPECT_THAT(NewChunker(c.spec),
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
}

TEST(DefaultChunkerSpecTest, IsValidForEveryKind) {
  for (const ArchiveKind kind :
       {ArchiveKind::kStream, ArchiveKind::kImage, ArchiveKind::kBlob}) {
    EXPECT_OK(ValidateChunkerSpec(DefaultChunkerSpec(kind)));
  }
  EXPECT_EQ(DefaultChunkerSpec(ArchiveKind::kStream).name, "poly-v1");
  EXPECT_EQ(DefaultChunkerSpec(ArchiveKind::kImage).name, "fixed-v1");
}

TEST(DefaultChunkerSpecTest, LeavesTheLargestBlobInOneChunk) {
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Chunker> chunker,
                       NewChunker(DefaultChunkerSpec(ArchiveKind::kBlob)));
  const std::string blob(16 * kMiB, 'b');
  EXPECT_EQ(chunker->Scan(blob), blob.size());
}

TEST(FixedChunkerTest, CutsAtEverySize) {
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Chunker> chunker,
                       NewChunker({"fixed-v1", 4 * kKiB, 4 * kKiB, 4 * kKiB}));
  const std::string bytes(10000, 'a');
  const std::string_view view = bytes;
  EXPECT_EQ(chunker->Scan(view.substr(0, 4095)), 0u);
  EXPECT_EQ(chunker->Scan(""), 0u);
  EXPECT_EQ(chunker->Scan(view.substr(4095)), 1u);
  EXPECT_EQ(chunker->Scan(view.substr(4096)), 4096u);
  EXPECT_EQ(chunker->Scan(view.substr(8192)), 0u);
}

TEST(FixedChunkerTest, ForgetsTheCurrentChunkOnReset) {
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Chunker> chunker,
                       NewChunker({"fixed-v1", 4 * kKiB, 4 * kKiB, 4 * kKiB}));
  const std::string bytes(5000, 'a');
  const std::string_view view = bytes;
  EXPECT_EQ(chunker->Scan(view.substr(0, 1000)), 0u);
  chunker->Reset(0);
  EXPECT_EQ(chunker->Scan(view), 4096u);
}

TEST(FixedChunkerTest, CutsAtMultiplesWhereverAChunkBegins) {
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Chunker> chunker,
                       NewChunker({"fixed-v1", 4 * kKiB, 4 * kKiB, 4 * kKiB}));
  const std::string bytes(5000, 'a');
  const std::string_view view = bytes;
  chunker->Reset(3 * 4096 + 1000);
  EXPECT_EQ(chunker->Scan(view), 3096u);
  EXPECT_EQ(chunker->Scan(view), 4096u);
  chunker->Reset(8 * 4096);
  EXPECT_EQ(chunker->Scan(view), 4096u);
}

}  // namespace
}  // namespace cairn
