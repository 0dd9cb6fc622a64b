#include "common/compression/zstd.h"

#include <zstd.h>

#include <random>
#include <string>
#include <vector>

#include "absl/random/distributions.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using ::testing::HasSubstr;

constexpr uint64_t kLimit = uint64_t{1} << 20;

auto IsDataLoss(std::string_view text) {
  return StatusIs(absl::StatusCode::kDataLoss, HasSubstr(std::string(text)));
}

std::string RandomBytes(std::mt19937_64& random, size_t size) {
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>(random());
  return bytes;
}

std::string Text(size_t size) {
  std::string text;
  for (int i = 0; text.size() < size; ++i) {
    text += "line " + std::to_string(i) + " of a log\n";
  }
  text.resize(size);
  return text;
}

TEST(ZstdTest, RoundTripsAtEveryLevelAndSize) {
  for (const size_t size : {0, 1, 31, 1000, 100000, 1000000}) {
    for (const int level : {-5, 1, 3, 9, 50}) {
      const std::string plain = Text(size);
      const std::string payload = ZstdCompress(plain, level);
      EXPECT_THAT(ZstdDecompress(payload, size, kLimit), IsOkAndHolds(plain))
          << size << " " << level;
    }
  }
}

TEST(ZstdTest, LimitIsHard) {
  const std::string payload = ZstdCompress(Text(1000), 3);
  EXPECT_THAT(ZstdDecompress(payload, 1000, 1000), IsOk());
  EXPECT_THAT(ZstdDecompress(payload, 1000, 999),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(ZstdTest, ABombIsRefusedBeforeAnythingIsAllocated) {
  const std::string bomb = ZstdCompress(std::string(64 << 20, '\0'), 19);
  ASSERT_LT(bomb.size(), 10000u);
  EXPECT_THAT(ZstdDecompress(bomb, 100, kLimit), IsDataLoss("67108864"));
}

TEST(ZstdTest, LengthMustBeTheStatedOne) {
  const std::string payload = ZstdCompress(Text(1000), 3);
  EXPECT_THAT(ZstdDecompress(payload, 999, kLimit), IsDataLoss("1000"));
  EXPECT_THAT(ZstdDecompress(payload, 1001, kLimit), IsDataLoss("1000"));
}

TEST(ZstdTest, NothingMayFollowTheFrame) {
  const std::string payload = ZstdCompress(Text(1000), 3);
  EXPECT_THAT(ZstdDecompress(payload + "x", 1000, kLimit),
              IsDataLoss("ends after"));
  EXPECT_THAT(ZstdDecompress(payload + payload, 1000, kLimit),
              IsDataLoss("ends after"));
}

TEST(ZstdTest, EveryTruncationIsRefused) {
  const std::string payload = ZstdCompress(Text(3000), 3);
  for (size_t length = 0; length < payload.size(); ++length) {
    EXPECT_THAT(ZstdDecompress(payload.substr(0, length), 3000, kLimit),
                StatusIs(absl::StatusCode::kDataLoss))
        << length;
  }
}

TEST(ZstdTest, DamageIsRefusedOrDecodesToTheSameLength) {
  std::mt19937_64 random(TestSeed());
  const std::string plain = Text(20000);
  const std::string good = ZstdCompress(plain, 3);
  for (int i = 0; i < 5000; ++i) {
    std::string bad = good;
    for (int n = absl::Uniform(random, 1, 4); n > 0; --n) {
      bad[absl::Uniform<size_t>(random, 0, bad.size())] ^=
          static_cast<char>(1 << absl::Uniform(random, 0, 8));
    }
    const absl::StatusOr<std::string> result =
        ZstdDecompress(bad, plain.size(), kLimit);
    if (result.ok()) {
      ASSERT_EQ(result->size(), plain.size());
    } else {
      ASSERT_THAT(result, StatusIs(absl::StatusCode::kDataLoss));
    }
  }
}

TEST(ZstdTest, NoiseIsRefused) {
  std::mt19937_64 random(TestSeed());
  for (int i = 0; i < 2000; ++i) {
    std::string noise = RandomBytes(random, absl::Uniform(random, 0, 100));
    if (i % 2 == 0) noise = "\x28\xb5\x2f\xfd" + noise;  // the magic number
    ASSERT_THAT(ZstdDecompress(noise, 50, kLimit),
                StatusIs(absl::StatusCode::kDataLoss));
  }
}

// A frame from the streaming interface, which knows the content size only if
// it is told.
std::string StreamedFrame(std::string_view plain, bool content_size) {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  if (content_size) ZSTD_CCtx_setPledgedSrcSize(context, plain.size());
  std::string out(ZSTD_compressBound(plain.size()), '\0');
  ZSTD_inBuffer in{plain.data(), plain.size() / 2, 0};
  ZSTD_outBuffer buffer{out.data(), out.size(), 0};
  ZSTD_compressStream2(context, &buffer, &in, ZSTD_e_continue);
  in.size = plain.size();
  EXPECT_EQ(ZSTD_compressStream2(context, &buffer, &in, ZSTD_e_end), 0u);
  ZSTD_freeCCtx(context);
  out.resize(buffer.pos);
  return out;
}

TEST(ZstdTest, ContentSizeMustBeStated) {
  const std::string plain = Text(5000);
  EXPECT_THAT(ZstdDecompress(StreamedFrame(plain, true), 5000, kLimit),
              IsOkAndHolds(plain));
  EXPECT_THAT(ZstdDecompress(StreamedFrame(plain, false), 5000, kLimit),
              IsDataLoss("does not state its content size"));
}

TEST(ZstdTest, LargeWindowsAreRefused) {
  // Frame header by hand: magic; 8 byte content size, no single segment; the
  // window descriptor; the content size; one empty last raw block.
  for (const int window_log : {27, 28, 31}) {
    std::string frame("\x28\xb5\x2f\xfd\xc0", 5);
    frame.push_back(static_cast<char>((window_log - 10) << 3));
    frame += std::string(8, '\0');
    frame += std::string("\x01\0\0", 3);
    EXPECT_THAT(ZstdDecompress(frame, 0, kLimit),
                window_log <= 27
                    ? ::testing::Matcher<const absl::StatusOr<std::string>&>(
                          IsOkAndHolds(""))
                    : ::testing::Matcher<const absl::StatusOr<std::string>&>(
                          StatusIs(absl::StatusCode::kDataLoss)))
        << window_log;
  }
}

TEST(ZstdTest, DictionariesAreRefused) {
  // Frame header by hand: magic; single segment with 1 byte of dictionary
  // id and 1 of content size; one empty last raw block.
  const std::string frame("\x28\xb5\x2f\xfd\x21\x07\x00\x01\0\0", 10);
  EXPECT_THAT(ZstdDecompress(frame, 0, kLimit), IsDataLoss("dictionary 7"));
}

TEST(ZstdTest, SkippableFramesAreRefused) {
  const std::string frame("\x50\x2a\x4d\x18\x04\0\0\0abcd", 12);
  EXPECT_THAT(ZstdDecompress(frame, 4, kLimit), IsDataLoss("skippable"));
  EXPECT_THAT(ZstdDecompress(frame, 0, kLimit), IsDataLoss("skippable"));
}

TEST(EncodeChunkTest, CompressesWhatShrinks) {
  const std::string plain = Text(100000);
  const EncodedPayload encoded = EncodeChunk(plain, 3);
  EXPECT_EQ(encoded.encoding, Encoding::kZstd);
  EXPECT_LT(encoded.payload.size(), plain.size() / 2);
  EXPECT_THAT(DecodePayload(encoded.encoding, encoded.payload, plain.size()),
              IsOkAndHolds(plain));
}

TEST(EncodeChunkTest, KeepsRawWhatDoesNotShrink) {
  std::mt19937_64 random(TestSeed());
  for (const size_t size : {0, 1, 20, 1000, 300000}) {
    const std::string plain = RandomBytes(random, size);
    const EncodedPayload encoded = EncodeChunk(plain, 3);
    EXPECT_EQ(encoded.encoding, Encoding::kRaw) << size;
    EXPECT_EQ(encoded.payload, plain);
    EXPECT_THAT(DecodePayload(Encoding::kRaw, encoded.payload, size),
                IsOkAndHolds(plain));
  }
}

TEST(EncodeChunkTest, RawBytesThatAreGivenAwayAreNotCopied) {
  std::mt19937_64 random(TestSeed());
  std::string plain(4096, 0);
  for (char& byte : plain) byte = static_cast<char>(random());
  const EncodedPayload expected = EncodeChunk(plain, 3);
  ASSERT_EQ(expected.encoding, Encoding::kRaw);
  const char* const bytes = plain.data();
  const EncodedPayload own = EncodeOwnChunk(std::move(plain), 3);
  EXPECT_EQ(own.encoding, Encoding::kRaw);
  EXPECT_EQ(own.payload, expected.payload);
  EXPECT_EQ(own.payload.data(), bytes);

  const std::string text(4096, 't');
  EXPECT_EQ(EncodeOwnChunk(text, 3).encoding, Encoding::kZstd);
  EXPECT_EQ(EncodeOwnChunk(text, 3).payload, EncodeChunk(text, 3).payload);
}

TEST(EncodeChunkTest, KeepsRawWhatShrinksTooLittle) {
  std::mt19937_64 random(TestSeed());
  // 1 % of zeros is less than 1/32, 10 % is more.
  const std::string little =
      RandomBytes(random, 99000) + std::string(1000, '\0');
  EXPECT_EQ(EncodeChunk(little, 3).encoding, Encoding::kRaw);
  const std::string enough =
      RandomBytes(random, 90000) + std::string(10000, '\0');
  EXPECT_EQ(EncodeChunk(enough, 3).encoding, Encoding::kZstd);
}

TEST(DecodePayloadTest, RawBytesThatAreGivenAwayAreNotCopied) {
  std::string raw(5000, 'r');
  const char* const bytes = raw.data();
  const absl::StatusOr<std::string> plain =
      TakePlain(Encoding::kRaw, std::move(raw), 5000);
  ASSERT_OK(plain);
  EXPECT_EQ(plain->data(), bytes);
  EXPECT_THAT(TakePlain(Encoding::kRaw, "abc", 4), IsDataLoss("3 bytes"));
  EXPECT_THAT(TakePlain(Encoding::kZstd,
                        EncodeChunk(std::string(5000, 'z'), 3).payload, 5000),
              IsOkAndHolds(std::string(5000, 'z')));
}

TEST(DecodePayloadTest, RefusesWhatItMust) {
  EXPECT_THAT(DecodePayload(Encoding::kRaw, "abc", 4), IsDataLoss("3 bytes"));
  EXPECT_THAT(DecodePayload(Encoding::kZstd, "abc", 4),
              StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(DecodePayload(Encoding::kEncryptedZstd, "abc", 3),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("key")));
  EXPECT_THAT(DecodePayload(static_cast<Encoding>(9), "abc", 3),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("9")));
  for (const Encoding encoding : {Encoding::kRaw, Encoding::kZstd}) {
    EXPECT_THAT(DecodePayload(encoding, "abc", kMaxRecordPlainBytes + 1),
                StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_THAT(DecodePayload(encoding, "abc", ~uint64_t{0}),
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
}

}  // namespace
}  // namespace cairn
