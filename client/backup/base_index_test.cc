#include "client/backup/base_index.h"

#include <random>
#include <string>
#include <utility>

#include "client/remote/grpc_connection.h"
#include "client/testing/grpc_fake_ingest.h"
#include "common/digest/sha256.h"
#include "common/testing/seed.h"
#include "common/time/clock.h"
#include "gtest/gtest.h"

namespace cairn::client {
namespace {

constexpr uint64_t kChunk = 64 * 1024;
constexpr char kSnapshot[] =
    "datastores/default/groups/host/web1/snapshots/2026-01-01T00:00:00Z";
constexpr char kArchive[] =
    "datastores/default/groups/host/web1/snapshots/2026-01-01T00:00:00Z/"
    "archives/a.img";

// An image of 100 chunks: 10 to 19 are zeros, 50 to 59 are one chunk.
class BaseIndexTest : public ::testing::Test {
 protected:
  BaseIndexTest() {
    remotes_ =
        *ConnectByGrpc({.server = server_.address()}, &clock_, &interrupt_);
    content_.resize(100 * kChunk);
    for (char& byte : content_) byte = static_cast<char>(random_());
    content_.replace(10 * kChunk, 10 * kChunk, std::string(10 * kChunk, '\0'));
    content_.replace(50 * kChunk, 10 * kChunk, std::string(10 * kChunk, 'r'));
    server_.AddSnapshot(
        kSnapshot,
        {{"a.img",
          {.kind = model::v1::ARCHIVE_KIND_IMAGE, .content = content_}}});
  }

  BaseIndex NewIndex(bool look_ahead, size_t max_entries = 1000) {
    BaseIndex index({.archive = kArchive,
                     .look_ahead = look_ahead,
                     .average_chunk_bytes = kChunk,
                     .max_entries = max_entries},
                    remotes_.catalog.get());
    index.Restart(0);
    return index;
  }
  Digest DigestOf(uint64_t chunk) const {
    return Sha256(content_.substr(chunk * kChunk, kChunk));
  }

  std::mt19937_64 random_{TestSeed()};
  FakeIngest server_{TestSeed()};
  SystemClock clock_;
  Interrupt interrupt_;
  Remotes remotes_;
  std::string content_;
};

TEST_F(BaseIndexTest, FindsChunksAtTheirPlace) {
  BaseIndex index = NewIndex(false);
  for (const uint64_t chunk : {0, 1, 9, 20, 50, 55, 59, 60, 99}) {
    EXPECT_EQ(index.Find(kChunk, DigestOf(chunk), chunk * kChunk),
              chunk * kChunk);
    EXPECT_TRUE(index.HasChunkAt(chunk * kChunk, kChunk, DigestOf(chunk)));
    EXPECT_FALSE(index.HasChunkAt(chunk * kChunk, kChunk / 2, DigestOf(chunk)));
    EXPECT_FALSE(index.HasChunkAt(chunk * kChunk + 1, kChunk, DigestOf(chunk)));
  }
  EXPECT_FALSE(index.HasChunkAt(100 * kChunk, kChunk, DigestOf(99)));
}

TEST_F(BaseIndexTest, KnowsHoles) {
  BaseIndex index = NewIndex(false);
  EXPECT_TRUE(index.HasHoleAt(10 * kChunk, 10 * kChunk));
  EXPECT_TRUE(index.HasHoleAt(10 * kChunk + 5, 7));
  EXPECT_FALSE(index.HasHoleAt(10 * kChunk + 5, 10 * kChunk));
  EXPECT_FALSE(index.HasHoleAt(9 * kChunk, kChunk));
}

TEST_F(BaseIndexTest, AnImageDoesNotLookAhead) {
  BaseIndex index = NewIndex(false);
  EXPECT_EQ(index.Find(kChunk, DigestOf(70), 0), std::nullopt);
  // What was passed is known.
  EXPECT_EQ(index.Find(kChunk, DigestOf(80), 80 * kChunk), 80 * kChunk);
  EXPECT_EQ(index.Find(kChunk, DigestOf(70), 81 * kChunk), 70 * kChunk);
}

TEST_F(BaseIndexTest, AStreamLooksAhead) {
  BaseIndex index = NewIndex(true);
  EXPECT_EQ(index.Find(kChunk, DigestOf(3), 0), 3 * kChunk);
}

TEST_F(BaseIndexTest, TheWindowForgetsAndComesBack) {
  BaseIndex index = NewIndex(false, 16);
  EXPECT_EQ(index.Find(kChunk, DigestOf(95), 95 * kChunk), 95 * kChunk);
  EXPECT_EQ(index.Find(kChunk, DigestOf(5), 96 * kChunk), std::nullopt);
  index.Restart(5 * kChunk);
  EXPECT_EQ(index.Find(kChunk, DigestOf(5), 5 * kChunk), 5 * kChunk);
}

TEST_F(BaseIndexTest, GoesOnAfterABreak) {
  server_.SetFaults({.read_cuts = 2, .max_cut_bytes = 40 * kChunk});
  BaseIndex index = NewIndex(false);
  for (uint64_t chunk = 20; chunk < 100; ++chunk) {
    EXPECT_TRUE(index.HasChunkAt(chunk * kChunk, kChunk, DigestOf(chunk)));
  }
  EXPECT_EQ(server_.cuts_made(), 2);
}

TEST_F(BaseIndexTest, WithoutABaseNothingIsKnown) {
  BaseIndex none({}, remotes_.catalog.get());
  none.Restart(0);
  EXPECT_EQ(none.Find(kChunk, DigestOf(0), 0), std::nullopt);
  BaseIndex lost({.archive = std::string(kSnapshot) + "/archives/other.img"},
                 remotes_.catalog.get());
  lost.Restart(0);
  EXPECT_EQ(lost.Find(kChunk, DigestOf(0), 0), std::nullopt);
  EXPECT_EQ(server_.entry_reads(), 0u);
}

}  // namespace
}  // namespace cairn::client
