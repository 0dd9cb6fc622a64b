#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/compression/zstd.h"
#include "common/digest/sha256.h"
#include "common/status/reason.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/chunk_storage/client/chunk_client.h"

// What every ChunkClient does. An implementation instantiates
// ChunkClientContract with a factory that starts an empty store.
namespace cairn {

// A store with its client; `Restart` ends the process in an orderly way and
// starts it anew on what it left.
class ChunkClientFixture {
 public:
  virtual ~ChunkClientFixture() = default;
  virtual ChunkClient& client() = 0;
  virtual void Restart() = 0;
  // Changes a byte of the record's stored payload.
  virtual void Damage(const DatastoreRef& datastore, const RecordKey& key) = 0;
};

struct ChunkClientFactory {
  std::string name;
  std::function<std::unique_ptr<ChunkClientFixture>()> start;
};

// A record in the plaintext domain; chunks as the encoder chooses, the rest
// raw.
inline Record PlainRecord(RecordKind kind, std::string_view plain,
                          uint64_t sequence = 0) {
  Record record;
  record.key = {kind, Domain(), Sha256(plain)};
  record.plain_length = plain.size();
  if (kind == RecordKind::kChunk) {
    EncodedPayload encoded = EncodeChunk(plain, kDefaultZstdLevel);
    record.encoding = encoded.encoding;
    record.payload = std::move(encoded.payload);
  } else {
    record.payload = std::string(plain);
  }
  record.payload_digest = Sha256(record.payload);
  record.sequence = sequence;
  return record;
}

class ChunkClientContract
    : public ::testing::TestWithParam<ChunkClientFactory> {
 protected:
  ChunkClientContract() : fixture_(GetParam().start()) {
    EXPECT_OK(client().EnsureDatastore(call_, datastore_));
  }

  ChunkClient& client() { return fixture_->client(); }

  bool IsPresent(const RecordKey& key) {
    const std::vector<RecordKey> keys = {key};
    const auto reply = client().Pin(call_, session_, keys);
    EXPECT_OK(reply);
    return reply.ok() && reply->present.at(0);
  }
  uint64_t LossMark() {
    const auto statistics = client().Statistics(call_, datastore_);
    EXPECT_OK(statistics);
    return statistics.ok() ? statistics->loss_mark : 0;
  }
  uint64_t Incarnation() {
    const auto statistics = client().Statistics(call_, datastore_);
    EXPECT_OK(statistics);
    return statistics.ok() ? statistics->incarnation : 0;
  }
  absl::StatusOr<std::vector<std::string>> ReadPayloads(
      std::vector<RecordKey> keys) {
    auto stream = client().Get(call_, datastore_, std::move(keys));
    if (!stream.ok()) return stream.status();
    std::vector<std::string> payloads;
    for (;;) {
      auto record = (*stream)->Next();
      if (!record.ok()) return record.status();
      if (!record->has_value()) return payloads;
      payloads.push_back((*record)->payload);
    }
  }

  const Call call_ = {
      .caller = {CallerKind::kLocal, CallerRole::kIngest, "test@service"}};
  const DatastoreRef datastore_ = {Uuid{{1, 2, 3}}, 7};
  const SessionRef session_ = {datastore_, Uuid{{9}}, 5};
  const std::unique_ptr<ChunkClientFixture> fixture_;
};

TEST_P(ChunkClientContract, ReturnsWhatWasPutInTheOrderAskedFor) {
  const Record one = PlainRecord(RecordKind::kChunk, "one");
  const Record two = PlainRecord(RecordKind::kChunk, std::string(300000, 'a'));
  const Record page = PlainRecord(RecordKind::kPage, "page");
  ASSERT_OK_AND_ASSIGN(const PutReply reply,
                       client().Put(call_, session_, {one, two, page}));
  EXPECT_EQ(reply.new_records, 3u);
  EXPECT_EQ(reply.duplicate_records, 0u);
  EXPECT_EQ(reply.new_stored_bytes,
            one.payload.size() + two.payload.size() + page.payload.size());
  EXPECT_THAT(ReadPayloads({page.key, two.key, one.key, two.key}),
              IsOkAndHolds(::testing::ElementsAre(page.payload, two.payload,
                                                  one.payload, two.payload)));
}

TEST_P(ChunkClientContract, ReturnsTheWholeRecord) {
  Record event = PlainRecord(RecordKind::kEvent, "event", 41);
  ASSERT_OK(client().Append(call_, datastore_, {event}));
  ASSERT_OK_AND_ASSIGN(const auto stream,
                       client().Get(call_, datastore_, {event.key}));
  ASSERT_OK_AND_ASSIGN(const auto record, stream->Next());
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->key, event.key);
  EXPECT_EQ(record->encoding, event.encoding);
  EXPECT_EQ(record->plain_length, event.plain_length);
  EXPECT_EQ(record->payload_digest, event.payload_digest);
  EXPECT_EQ(record->sequence, 41u);
  EXPECT_EQ(record->payload, event.payload);
  ASSERT_OK_AND_ASSIGN(const auto end, stream->Next());
  EXPECT_FALSE(end.has_value());
}

TEST_P(ChunkClientContract, PinSaysWhatIsStored) {
  const Record stored = PlainRecord(RecordKind::kChunk, "stored");
  const Record other = PlainRecord(RecordKind::kChunk, "other");
  ASSERT_OK(client().Put(call_, session_, {stored}));
  RecordKey page_of_same_digest = stored.key;
  page_of_same_digest.kind = RecordKind::kPage;
  RecordKey same_in_domain = stored.key;
  same_in_domain.domain.bytes[0] = 1;
  const std::vector<RecordKey> keys = {other.key, stored.key,
                                       page_of_same_digest, same_in_domain};
  ASSERT_OK_AND_ASSIGN(const PinReply reply,
                       client().Pin(call_, session_, keys));
  EXPECT_THAT(reply.present, ::testing::ElementsAre(false, true, false, false));
  EXPECT_EQ(reply.incarnation, Incarnation());
}

TEST_P(ChunkClientContract, ASecondPutIsADuplicate) {
  const Record record = PlainRecord(RecordKind::kChunk, "twice");
  ASSERT_OK(client().Put(call_, session_, {record}));
  ASSERT_OK_AND_ASSIGN(const PutReply reply,
                       client().Put(call_, session_, {record, record}));
  EXPECT_EQ(reply.new_records, 0u);
  EXPECT_EQ(reply.duplicate_records, 2u);
  EXPECT_EQ(reply.new_stored_bytes, 0u);
}

TEST_P(ChunkClientContract, TheSameRecordTwiceInOneCallIsStoredOnce) {
  const Record record = PlainRecord(RecordKind::kChunk, "twin");
  ASSERT_OK_AND_ASSIGN(const PutReply reply,
                       client().Put(call_, session_, {record, record}));
  EXPECT_EQ(reply.new_records, 1u);
  EXPECT_EQ(reply.duplicate_records, 1u);
}

TEST_P(ChunkClientContract, RefusesARecordThatDoesNotProve) {
  const Record good = PlainRecord(RecordKind::kChunk, std::string(9999, 'z'));
  ASSERT_EQ(good.encoding, Encoding::kZstd);
  std::vector<Record> bad(6, good);
  bad[0].payload[0] ^= 1;
  bad[1].key.digest.bytes[0] ^= 1;
  bad[2].plain_length += 1;
  bad[3].encoding = Encoding::kRaw;
  bad[4].encoding = Encoding::kEncryptedZstd;  // in the plaintext domain
  bad[5].key.domain.bytes[3] = 1;              // plaintext in another domain
  for (const Record& record : bad) {
    EXPECT_THAT(client().Put(call_, session_, {good, record}),
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
  EXPECT_FALSE(IsPresent(good.key));
}

TEST_P(ChunkClientContract, TakesOnTrustOnlyWhatDecodingWouldShow) {
  Record good = PlainRecord(RecordKind::kChunk, std::string(9999, 'z'));
  good.proved = true;
  std::vector<Record> bad(3, good);
  bad[0].payload[0] ^= 1;
  bad[1].payload_digest.bytes[0] ^= 1;
  // Raw bytes are what the key is the digest of.
  bad[2].encoding = Encoding::kRaw;
  for (const Record& record : bad) {
    EXPECT_THAT(client().Put(call_, session_, {good, record}),
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
  EXPECT_FALSE(IsPresent(good.key));

  Record event = PlainRecord(RecordKind::kEvent, std::string(999, 'e'), 1);
  event.encoding = Encoding::kZstd;
  event.payload = EncodeChunk("another event", 3).payload;
  event.payload_digest = Sha256(event.payload);
  event.proved = true;
  EXPECT_THAT(client().Append(call_, session_.datastore, {event}),
              StatusIs(absl::StatusCode::kInvalidArgument));

  // The one case in which a sender's word counts: it is not decoded again.
  Record trusted = good;
  trusted.key.digest = Sha256("other bytes");
  ASSERT_OK(client().Put(call_, session_, {good, trusted}));
  EXPECT_TRUE(IsPresent(good.key));
  EXPECT_TRUE(IsPresent(trusted.key));
}

TEST_P(ChunkClientContract, StoresEncryptedRecordsByTheirPayloadDigest) {
  Record record;
  record.key.domain.bytes[7] = 9;
  record.key.digest = Sha256("nobody can check this");
  record.encoding = Encoding::kEncryptedRaw;
  record.plain_length = 5;
  record.payload = "sealed bytes";
  record.payload_digest = Sha256(record.payload);
  ASSERT_OK(client().Put(call_, session_, {record}));
  EXPECT_THAT(ReadPayloads({record.key}),
              IsOkAndHolds(::testing::ElementsAre("sealed bytes")));
}

TEST_P(ChunkClientContract, PutTakesChunksAndPagesAppendTheRest) {
  EXPECT_THAT(client().Put(call_, session_,
                           {PlainRecord(RecordKind::kManifest, "m", 1)}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(client().Append(call_, datastore_,
                              {PlainRecord(RecordKind::kPage, "p", 1)}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(client().Append(call_, datastore_,
                              {PlainRecord(RecordKind::kEvent, "e", 0)}),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_P(ChunkClientContract, EveryListHasALimit) {
  EXPECT_THAT(client().Pin(call_, session_, {}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  const std::vector<RecordKey> keys(4097);
  EXPECT_THAT(client().Pin(call_, session_, keys),
              HasReasonCode(reason::kLimitExceeded));
  const auto stream = client().Get(call_, datastore_, keys);
  EXPECT_THAT(stream, HasReasonCode(reason::kLimitExceeded));
  EXPECT_THAT(client().Put(call_, session_, {}),
              HasReasonCode(reason::kLimitExceeded));
  EXPECT_THAT(client().Put(call_, session_,
                           std::vector<Record>(
                               4097, PlainRecord(RecordKind::kChunk, "c"))),
              HasReasonCode(reason::kLimitExceeded));
  EXPECT_THAT(client().Append(call_, datastore_,
                              std::vector<Record>(
                                  65, PlainRecord(RecordKind::kEvent, "e", 1))),
              HasReasonCode(reason::kLimitExceeded));
  EXPECT_THAT(
      client().Append(call_, datastore_,
                      {PlainRecord(RecordKind::kEvent,
                                   std::string((1 << 20) + 1, 'e'), 1)}),
      HasReasonCode(reason::kLimitExceeded));
}

TEST_P(ChunkClientContract, TakesTheLargestRecord) {
  std::string plain(kMaxRecordPlainBytes, '\0');
  for (size_t i = 0; i < plain.size(); ++i) {
    plain[i] = static_cast<char>((i * 2654435761u) >> 13);
  }
  Record record = PlainRecord(RecordKind::kPage, plain);
  ASSERT_OK(client().Put(call_, session_, {record}));
  ASSERT_OK_AND_ASSIGN(const auto payloads, ReadPayloads({record.key}));
  EXPECT_TRUE(payloads.at(0) == plain);
}

TEST_P(ChunkClientContract, SyncIsForThisIncarnationOnly) {
  const Record record = PlainRecord(RecordKind::kChunk, "kept");
  ASSERT_OK_AND_ASSIGN(const PutReply reply,
                       client().Put(call_, session_, {record}));
  EXPECT_OK(client().Sync(call_, session_, reply.incarnation));
  fixture_->Restart();
  ASSERT_OK(client().EnsureDatastore(call_, datastore_));
  const absl::Status stale = client().Sync(call_, session_, reply.incarnation);
  EXPECT_THAT(stale, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(stale, HasReasonCode(reason::kIncarnationChanged));
  EXPECT_GT(Incarnation(), reply.incarnation);
  EXPECT_TRUE(IsPresent(record.key));
  EXPECT_THAT(ReadPayloads({record.key}),
              IsOkAndHolds(::testing::ElementsAre(record.payload)));
}

TEST_P(ChunkClientContract, AppendAnswersTheHighestSequence) {
  EXPECT_THAT(client().Append(call_, datastore_,
                              {PlainRecord(RecordKind::kManifest, "m", 8),
                               PlainRecord(RecordKind::kEvent, "e", 9)}),
              IsOkAndHolds(9u));
  EXPECT_THAT(client().Append(call_, datastore_,
                              {PlainRecord(RecordKind::kEvent, "f", 4)}),
              IsOkAndHolds(9u));
  fixture_->Restart();
  ASSERT_OK_AND_ASSIGN(const StoreState state,
                       client().EnsureDatastore(call_, datastore_));
  EXPECT_EQ(state.sequence, 9u);
}

TEST_P(ChunkClientContract, AMissingRecordEndsTheStream) {
  const Record record = PlainRecord(RecordKind::kChunk, "there");
  const Record absent = PlainRecord(RecordKind::kChunk, "not there");
  ASSERT_OK(client().Put(call_, session_, {record}));
  ASSERT_OK_AND_ASSIGN(
      const auto stream,
      client().Get(call_, datastore_, {record.key, absent.key, record.key}));
  EXPECT_OK(stream->Next());
  const absl::Status missing = stream->Next().status();
  EXPECT_THAT(missing,
              StatusIs(absl::StatusCode::kDataLoss,
                       ::testing::HasSubstr(absent.key.digest.ToHex())));
  EXPECT_THAT(missing, HasReasonCode(reason::kRecordMissing));
  EXPECT_THAT(stream->Next(), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_P(ChunkClientContract, DamageIsNamedAndHealedByTheNextPut) {
  const Record record = PlainRecord(RecordKind::kChunk, "fragile");
  const Record other = PlainRecord(RecordKind::kChunk, "solid");
  ASSERT_OK_AND_ASSIGN(const PutReply put,
                       client().Put(call_, session_, {record, other}));
  ASSERT_OK(client().Sync(call_, session_, put.incarnation));
  fixture_->Damage(datastore_, record.key);
  for (int i = 0; i < 2; ++i) {
    const absl::Status damaged = ReadPayloads({record.key}).status();
    EXPECT_THAT(damaged,
                StatusIs(absl::StatusCode::kDataLoss,
                         ::testing::HasSubstr(record.key.digest.ToHex())));
    EXPECT_THAT(damaged, HasReasonCode(reason::kRecordDamaged));
  }
  EXPECT_FALSE(IsPresent(record.key));
  EXPECT_THAT(ReadPayloads({other.key}),
              IsOkAndHolds(::testing::ElementsAre("solid")));
  ASSERT_OK_AND_ASSIGN(const StoreStatistics before,
                       client().Statistics(call_, datastore_));
  EXPECT_EQ(before.damaged_count, 1u);

  ASSERT_OK_AND_ASSIGN(const PutReply reply,
                       client().Put(call_, session_, {record}));
  EXPECT_EQ(reply.new_records, 1u);
  EXPECT_TRUE(IsPresent(record.key));
  EXPECT_THAT(ReadPayloads({record.key}),
              IsOkAndHolds(::testing::ElementsAre("fragile")));
  fixture_->Restart();
  ASSERT_OK(client().EnsureDatastore(call_, datastore_));
  EXPECT_TRUE(IsPresent(record.key));
  ASSERT_OK_AND_ASSIGN(const StoreStatistics after,
                       client().Statistics(call_, datastore_));
  EXPECT_EQ(after.damaged_count, 0u);
  EXPECT_EQ(after.record_count, 2u);
}

TEST_P(ChunkClientContract, TheLossMarkIsDrawnAnewWhenDamageIsFound) {
  const Record record = PlainRecord(RecordKind::kChunk, "fragile");
  ASSERT_OK_AND_ASSIGN(const PutReply put,
                       client().Put(call_, session_, {record}));
  ASSERT_OK(client().Sync(call_, session_, put.incarnation));
  const uint64_t first = LossMark();
  EXPECT_NE(first, 0u);
  EXPECT_OK(ReadPayloads({record.key}));
  fixture_->Restart();
  ASSERT_OK(client().EnsureDatastore(call_, datastore_));
  EXPECT_EQ(LossMark(), first);
  fixture_->Damage(datastore_, record.key);
  EXPECT_EQ(LossMark(), first);  // nobody knows
  EXPECT_THAT(ReadPayloads({record.key}),
              HasReasonCode(reason::kRecordDamaged));
  const uint64_t second = LossMark();
  EXPECT_NE(second, first);
  // Nothing new, and what is healed was lost all the same.
  EXPECT_THAT(ReadPayloads({record.key}),
              HasReasonCode(reason::kRecordDamaged));
  ASSERT_OK(client().Put(call_, session_, {record}));
  EXPECT_EQ(LossMark(), second);
  fixture_->Restart();
  ASSERT_OK(client().EnsureDatastore(call_, datastore_));
  EXPECT_EQ(LossMark(), second);
}

TEST_P(ChunkClientContract, ALowerTokenIsRefusedAlsoAfterARestart) {
  ASSERT_OK_AND_ASSIGN(const StoreState first,
                       client().EnsureDatastore(call_, datastore_));
  EXPECT_EQ(first.token, 0u);
  EXPECT_EQ(first.floor, 0u);
  ASSERT_OK_AND_ASSIGN(
      const StoreState shown,
      client().ShowToken(call_, datastore_, {.token = 12, .epoch = 30}));
  EXPECT_EQ(shown.token, 12u);
  EXPECT_EQ(shown.floor, 30u);
  EXPECT_OK(client().ShowToken(call_, datastore_, {.token = 12, .epoch = 4}));
  EXPECT_THAT(client().ShowToken(call_, datastore_, {.token = 11, .epoch = 31}),
              HasReasonCode(reason::kStaleToken));
  fixture_->Restart();
  ASSERT_OK_AND_ASSIGN(const StoreState again,
                       client().EnsureDatastore(call_, datastore_));
  EXPECT_EQ(again.token, 12u);
  EXPECT_EQ(again.floor, 0u);  // not told since the start
  EXPECT_THAT(client().ShowToken(call_, datastore_, {.token = 11, .epoch = 31}),
              HasReasonCode(reason::kStaleToken));
}

// As a rebuild of index leaves it: what the former index lets in is refused.
TEST_P(ChunkClientContract, AHigherGenerationReplacesTheOneBefore) {
  const DatastoreRef rebuilt = {datastore_.uuid, datastore_.generation + 2};
  const SessionRef session = {rebuilt, Uuid{{9}}, 5};
  const std::vector<RecordKey> keys(1);
  EXPECT_THAT(client().Pin(call_, session, keys),
              HasReasonCode(reason::kGenerationMismatch));
  EXPECT_OK(client().EnsureDatastore(call_, rebuilt));
  EXPECT_OK(client().Pin(call_, session, keys));
  for (const bool restarted : {false, true}) {
    if (restarted) fixture_->Restart();
    EXPECT_THAT(client().EnsureDatastore(call_, datastore_),
                HasReasonCode(reason::kGenerationMismatch));
    EXPECT_THAT(client().Pin(call_, session_, keys),
                HasReasonCode(reason::kGenerationMismatch));
    EXPECT_OK(client().EnsureDatastore(call_, rebuilt));
  }
}

TEST_P(ChunkClientContract, AnIndexThatIsBehindShowsNoToken) {
  ASSERT_OK(client().Append(call_, datastore_,
                            {PlainRecord(RecordKind::kEvent, "event", 40)}));
  EXPECT_THAT(client().ShowToken(call_, datastore_,
                                 {.token = 12, .epoch = 30, .sequence = 39}),
              HasReasonCode(reason::kIndexBehind));
  ASSERT_OK_AND_ASSIGN(const StoreState state,
                       client().EnsureDatastore(call_, datastore_));
  EXPECT_EQ(state.token, 0u);
  EXPECT_OK(client().ShowToken(call_, datastore_,
                               {.token = 12, .epoch = 30, .sequence = 40}));
}

TEST_P(ChunkClientContract, KnowsTheDatastoreAndItsGeneration) {
  const DatastoreRef other = {Uuid{{77}}, 1};
  const DatastoreRef wrong = {datastore_.uuid, 6};
  const SessionRef session = {other, Uuid{{9}}, 5};
  const SessionRef wrong_session = {wrong, Uuid{{9}}, 5};
  const std::vector<RecordKey> keys(1);
  EXPECT_THAT(client().Pin(call_, session, keys),
              HasReasonCode(reason::kDatastoreUnknown));
  EXPECT_THAT(client().Pin(call_, wrong_session, keys),
              HasReasonCode(reason::kGenerationMismatch));
  EXPECT_THAT(client().EnsureDatastore(call_, wrong),
              HasReasonCode(reason::kGenerationMismatch));
  EXPECT_THAT(client().EnsureDatastore(call_, {Uuid(), 1}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_OK(client().EnsureDatastore(call_, other));
  EXPECT_OK(client().Pin(call_, session, keys));
}

TEST_P(ChunkClientContract, DatastoresShareNothing) {
  const DatastoreRef other = {Uuid{{77}}, 1};
  ASSERT_OK(client().EnsureDatastore(call_, other));
  const Record record = PlainRecord(RecordKind::kChunk, "mine");
  ASSERT_OK(client().Put(call_, session_, {record}));
  const std::vector<RecordKey> keys = {record.key};
  ASSERT_OK_AND_ASSIGN(const PinReply reply,
                       client().Pin(call_, {other, Uuid{{9}}, 5}, keys));
  EXPECT_THAT(reply.present, ::testing::ElementsAre(false));
}

TEST_P(ChunkClientContract, ASessionNeedsAnIdAndAnEpoch) {
  const std::vector<RecordKey> keys(1);
  EXPECT_THAT(client().Pin(call_, {datastore_, Uuid(), 5}, keys),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(client().Pin(call_, {datastore_, Uuid{{9}}, 0}, keys),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_P(ChunkClientContract, CountsRecordsAndBytes) {
  const Record one = PlainRecord(RecordKind::kChunk, "one");
  const Record two = PlainRecord(RecordKind::kPage, "two and");
  ASSERT_OK(client().Put(call_, session_, {one, two}));
  ASSERT_OK_AND_ASSIGN(const StoreStatistics statistics,
                       client().Statistics(call_, datastore_));
  EXPECT_EQ(statistics.record_count, 2u);
  EXPECT_EQ(statistics.record_bytes, one.payload.size() + two.payload.size());
  EXPECT_EQ(statistics.damaged_count, 0u);
  EXPECT_GT(statistics.free_bytes, 0u);
}

}  // namespace cairn
