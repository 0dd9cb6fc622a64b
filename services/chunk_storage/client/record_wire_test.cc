#include "services/chunk_storage/client/record_wire.h"

#include <string>
#include <vector>

#include "common/digest/sha256.h"
#include "common/status/reason.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

namespace v1 = chunk_storage::v1;

Record Sample(size_t size) {
  Record record;
  record.key = {RecordKind::kManifest, Domain{{4}}, Sha256("key")};
  record.encoding = Encoding::kEncryptedZstd;
  record.plain_length = 12345;
  record.sequence = 9;
  record.payload.assign(size, 'p');
  record.payload_digest = Sha256(record.payload);
  return record;
}

absl::StatusOr<std::optional<Record>> Feed(RecordAssembler& assembler,
                                           const Record& record) {
  absl::StatusOr<std::optional<Record>> last = std::nullopt;
  SendFrames(record, [&](const Record* header, std::string_view fragment) {
    v1::RecordHeader proto;
    if (header != nullptr) proto = HeaderToProto(*header);
    last = assembler.Take(header != nullptr ? &proto : nullptr,
                          std::string(fragment));
    return last.ok();
  });
  return last;
}

TEST(RecordWireTest, RoundTripsRecordsOfEverySize) {
  RecordAssembler assembler;
  for (const size_t size : {size_t{0}, size_t{1}, kMaxFragmentBytes,
                            kMaxFragmentBytes + 1, 3 * kMaxFragmentBytes}) {
    const Record sent = Sample(size);
    ASSERT_OK_AND_ASSIGN(const auto got, Feed(assembler, sent));
    ASSERT_TRUE(got.has_value());
    EXPECT_EQ(got->key, sent.key);
    EXPECT_EQ(got->encoding, sent.encoding);
    EXPECT_EQ(got->plain_length, sent.plain_length);
    EXPECT_EQ(got->sequence, sent.sequence);
    EXPECT_EQ(got->payload_digest, sent.payload_digest);
    EXPECT_EQ(got->payload, sent.payload);
    EXPECT_TRUE(assembler.between_records());
  }
}

TEST(RecordWireTest, FramesOutOfOrderAreRefused) {
  const v1::RecordHeader header = HeaderToProto(Sample(10));
  {
    RecordAssembler assembler;
    EXPECT_THAT(assembler.Take(nullptr, "bytes"),
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
  {
    RecordAssembler assembler;
    EXPECT_OK(assembler.Take(&header, "12345"));
    EXPECT_FALSE(assembler.between_records());
    EXPECT_THAT(assembler.Take(&header, ""),
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
  {
    RecordAssembler assembler;
    EXPECT_OK(assembler.Take(&header, "12345"));
    EXPECT_THAT(assembler.Take(nullptr, ""),
                StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_THAT(assembler.Take(nullptr, "123456"),
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
}

TEST(RecordWireTest, LimitsAreCheckedBeforeBytesAreKept) {
  RecordAssembler assembler;
  v1::RecordHeader header = HeaderToProto(Sample(10));
  header.set_stored_length(kMaxRecordStoredBytes + 1);
  EXPECT_THAT(assembler.Take(&header, ""),
              HasReasonCode(reason::kLimitExceeded));
  header.set_stored_length(10);
  header.set_plain_length(kMaxRecordPlainBytes + 1);
  EXPECT_THAT(assembler.Take(&header, ""),
              HasReasonCode(reason::kLimitExceeded));
  header.set_plain_length(1);
  EXPECT_THAT(assembler.Take(&header, std::string(kMaxFragmentBytes + 1, 'x')),
              HasReasonCode(reason::kLimitExceeded));
}

TEST(RecordWireTest, HostileFieldsAreNamed) {
  using ::testing::HasSubstr;
  const v1::RecordHeader good = HeaderToProto(Sample(1));
  const auto text = [&good](auto change) {
    v1::RecordHeader header = good;
    change(header);
    return std::string(HeaderFromProto("header", header).status().message());
  };
  EXPECT_THAT(text([](auto& h) { h.mutable_key()->clear_kind(); }),
              HasSubstr("header.key.kind"));
  EXPECT_THAT(text([](auto& h) {
                h.mutable_key()->set_kind(static_cast<v1::RecordKind>(77));
              }),
              HasSubstr("77"));
  EXPECT_THAT(text([](auto& h) { h.mutable_key()->set_domain("short"); }),
              HasSubstr("header.key.domain"));
  EXPECT_THAT(text([](auto& h) { h.mutable_key()->set_digest(""); }),
              HasSubstr("header.key.digest"));
  EXPECT_THAT(text([](auto& h) { h.clear_encoding(); }),
              HasSubstr("header.encoding"));
  EXPECT_THAT(text([](auto& h) { h.set_payload_digest("x"); }),
              HasSubstr("header.payload_digest"));
}

}  // namespace
}  // namespace cairn
