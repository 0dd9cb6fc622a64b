// WriteChunks and ReadChunks by their messages: a round trip, and what is
// refused before the engine is asked.

#include <deque>
#include <random>
#include <string>
#include <vector>

#include "common/compression/zstd.h"
#include "common/digest/sha256.h"
#include "common/status/reason.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "services/ingest/domain/reuse.h"
#include "services/ingest/domain/stream_rules.h"
#include "services/ingest/engine/ingest_harness.h"
#include "services/ingest/rpc/fake_messages.h"
#include "services/ingest/rpc/read_chunks.h"
#include "services/ingest/rpc/write_chunks.h"

namespace cairn::ingest {
namespace {

using absl::StatusCode;
using testing::HasSubstr;
using Request = v1::WriteChunksRequest;
using Response = v1::WriteChunksResponse;
using Messages = FakeMessages<Request, Response>;

class FakeWriter final : public MessageWriter<v1::ReadChunksResponse> {
 public:
  bool Write(v1::ReadChunksResponse message) override {
    messages.push_back(std::move(message));
    return true;
  }
  std::vector<v1::ReadChunksResponse> messages;
};

Request Chunk(uint64_t offset, const std::string& plain) {
  Request request;
  const std::string payload = ZstdCompress(plain, 1);
  request.mutable_chunk()->set_offset(offset);
  request.mutable_chunk()->set_length(plain.size());
  request.mutable_chunk()->set_digest(std::string(Sha256(plain).view()));
  request.mutable_chunk()->set_encoding(model::v1::ENCODING_ZSTD);
  request.mutable_chunk()->set_stored_length(payload.size());
  request.mutable_chunk()->set_payload(payload);
  return request;
}

Request Hole(uint64_t offset, uint64_t length) {
  Request request;
  request.mutable_hole()->set_offset(offset);
  request.mutable_hole()->set_length(length);
  return request;
}

// Of one chunk.
Request Reuse(uint64_t offset, const std::string& plain) {
  Request request;
  request.mutable_reuse()->set_offset(offset);
  request.mutable_reuse()->set_length(plain.size());
  const std::vector<ChunkEntry> entries = {
      {.length = plain.size(), .digest = Sha256(plain)}};
  request.mutable_reuse()->set_check(
      std::string(CheckOfEntries(entries).view()));
  return request;
}

Request End(uint64_t size_bytes) {
  Request request;
  request.mutable_end()->set_size_bytes(size_bytes);
  return request;
}

class ChunkRpcTest : public testing::Test {
 protected:
  ChunkRpcTest() : harness_(TestSeed()) { session_ = *harness_.OpenSession(); }

  Request Begin(const std::string& archive = "a") {
    Request request;
    request.mutable_begin()->set_session(
        SessionName{"default", session_.ref.session}.ToString());
    request.mutable_begin()->set_archive(archive);
    request.mutable_begin()->set_kind(model::v1::ARCHIVE_KIND_STREAM);
    return request;
  }
  absl::Status Serve(Messages& messages) {
    return ServeWriteChunks(harness_.replica().backup(), harness_.admin(),
                            messages, &harness_.executor());
  }
  absl::Status Serve(std::vector<Request> requests) {
    Messages messages(std::move(requests));
    return Serve(messages);
  }

  IngestHarness harness_;
  Session session_;
};

TEST_F(ChunkRpcTest, WhatIsWrittenIsRead) {
  const std::string plain(100'000, 'x');
  Request in_two = Chunk(plain.size() + 7, "0123456789");
  const std::string payload = in_two.chunk().payload();
  in_two.mutable_chunk()->set_payload(payload.substr(0, 4));
  Request fragment;
  fragment.set_fragment(payload.substr(4));
  Request again = Reuse(plain.size() + 17, plain);
  again.mutable_reuse()->set_sent_chunk(0);
  Request flush;
  flush.mutable_flush();
  const uint64_t size = 2 * plain.size() + 17;
  Messages messages({Begin(), Chunk(0, plain), Hole(plain.size(), 7), in_two,
                     fragment, flush, again, End(size)});
  ASSERT_OK(Serve(messages));
  const std::deque<Response> responses = messages.responses();
  ASSERT_GE(responses.size(), 2u);
  EXPECT_EQ(responses.front().started().offset(), 0u);
  const v1::WriteFinished& finished = responses.back().finished();
  EXPECT_EQ(finished.archive().root().size_bytes(), size);
  EXPECT_EQ(finished.statistics().plain_bytes(), plain.size() + 10);
  EXPECT_EQ(finished.statistics().hole_bytes(), 7u);
  EXPECT_EQ(finished.statistics().reused_bytes(), plain.size());
  EXPECT_EQ(finished.statistics().new_chunk_count(), 2u);

  ASSERT_OK_AND_ASSIGN(const Snapshot snapshot,
                       harness_.Finish(session_, {{"a", size}}));
  v1::ReadChunksRequest read;
  read.set_name(ArchiveName{snapshot.name, "a"}.ToString());
  FakeWriter writer;
  ASSERT_OK(ServeReadChunks(harness_.replica().restore(), harness_.admin(),
                            read, writer));
  ASSERT_EQ(writer.messages.size(), 5u);
  EXPECT_EQ(writer.messages[0].header().archive().root().size_bytes(), size);
  const v1::ReadChunksResponse::Chunk& first = writer.messages[1].chunk();
  EXPECT_EQ(first.entry().length(), plain.size());
  EXPECT_EQ(first.encoding(), model::v1::ENCODING_ZSTD);
  EXPECT_EQ(first.payload(), ZstdCompress(plain, 1));
  ASSERT_EQ(writer.messages[2].entries().entries_size(), 1);
  EXPECT_TRUE(writer.messages[2].entries().entries(0).hole());
  EXPECT_EQ(writer.messages[3].chunk().entry().offset(), plain.size() + 7);
  EXPECT_EQ(writer.messages[4].chunk().entry().offset(), plain.size() + 17);

  read.set_entries_only(true);
  FakeWriter entries;
  ASSERT_OK(ServeReadChunks(harness_.replica().restore(), harness_.admin(),
                            read, entries));
  ASSERT_EQ(entries.messages.size(), 2u);
  EXPECT_EQ(entries.messages[1].entries().entries_size(), 4);
}

TEST_F(ChunkRpcTest, ShortChunksAreReadBesideEachOther) {
  std::string all;
  std::vector<Request> requests = {Begin()};
  for (int i = 0; i < 200; ++i) {
    const std::string plain(1 + i % 20, static_cast<char>('a' + i % 23));
    requests.push_back(Chunk(all.size(), plain));
    all += plain;
  }
  requests.push_back(End(all.size()));
  ASSERT_OK(Serve(requests));
  ASSERT_OK_AND_ASSIGN(const Snapshot snapshot,
                       harness_.Finish(session_, {{"a", all.size()}}));
  EXPECT_THAT(harness_.Read(snapshot, "a"), IsOkAndHolds(all));
}

TEST_F(ChunkRpcTest, ALongPayloadComesInFragments) {
  std::mt19937_64 random(TestSeed());
  std::string plain(2'500'000, 0);
  for (char& byte : plain) byte = static_cast<char>(random());
  Request whole = Chunk(0, plain);
  const std::string payload = whole.chunk().payload();
  ASSERT_GT(payload.size(), 2 * kMaxFrameBytes);
  std::vector<Request> requests = {Begin(), whole};
  // Chunks of streams and images fit a message by their defaults.
  requests[0].mutable_begin()->set_kind(model::v1::ARCHIVE_KIND_BLOB);
  requests[1].mutable_chunk()->clear_payload();
  for (size_t at = 0; at < payload.size(); at += kMaxFrameBytes) {
    requests.emplace_back().set_fragment(payload.substr(at, kMaxFrameBytes));
  }
  requests.push_back(End(plain.size()));
  ASSERT_OK(Serve(requests));
  ASSERT_OK_AND_ASSIGN(const Snapshot snapshot,
                       harness_.Finish(session_, {{"a", plain.size()}}));
  v1::ReadChunksRequest read;
  read.set_name(ArchiveName{snapshot.name, "a"}.ToString());
  FakeWriter writer;
  ASSERT_OK(ServeReadChunks(harness_.replica().restore(), harness_.admin(),
                            read, writer));
  std::string got = writer.messages.at(1).chunk().payload();
  EXPECT_EQ(writer.messages[1].chunk().stored_length(), payload.size());
  for (size_t i = 2; i < writer.messages.size(); ++i) {
    EXPECT_LE(writer.messages[i].fragment().size(), kMaxFrameBytes);
    got += writer.messages[i].fragment();
  }
  EXPECT_TRUE(got == payload);
}

TEST_F(ChunkRpcTest, RefusesWhatIsOutOfFormOrOrder) {
  const Request good = Chunk(0, "hello");
  Request short_digest = good;
  short_digest.mutable_chunk()->set_digest("short");
  Request no_encoding = good;
  no_encoding.mutable_chunk()->clear_encoding();
  Request unknown_encoding = good;
  unknown_encoding.mutable_chunk()->set_encoding(
      static_cast<model::v1::Encoding>(9));
  Request encrypted = good;
  encrypted.mutable_chunk()->set_encoding(model::v1::ENCODING_ENCRYPTED_ZSTD);
  Request lacking = good;
  lacking.mutable_chunk()->mutable_payload()->pop_back();
  Request stray;
  stray.set_fragment("x");
  Request no_place = Reuse(0, "hello");
  Request no_check = no_place;
  no_check.mutable_reuse()->set_sent_chunk(0);
  no_check.mutable_reuse()->clear_check();
  Request bad_name = no_place;
  bad_name.mutable_reuse()->mutable_base()->set_archive("../a");
  Request unsent = no_place;
  unsent.mutable_reuse()->set_sent_chunk(0);

  for (const std::vector<Request>& wrong :
       std::vector<std::vector<Request>>{{},
                                         {good},
                                         {Begin(), Begin()},
                                         {Begin(), Request()},
                                         {Begin(".a")},
                                         {Begin(), good},  // and no end
                                         {Begin(), short_digest},
                                         {Begin(), no_encoding},
                                         {Begin(), unknown_encoding},
                                         {Begin(), encrypted},
                                         {Begin(), lacking, End(5)},
                                         {Begin(), stray},
                                         {Begin(), no_place},
                                         {Begin(), no_check},
                                         {Begin(), bad_name},
                                         {Begin(), unsent}}) {
    EXPECT_THAT(Serve(wrong), StatusIs(StatusCode::kInvalidArgument));
  }
  EXPECT_THAT(Serve({Begin(), encrypted}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("raw or zstd")));
  Request base = no_place;
  base.mutable_reuse()->mutable_base();
  EXPECT_THAT(Serve({Begin(), base}), HasReasonCode(reason::kReuseRefused));
  EXPECT_THAT(Serve({Begin(), Chunk(1, "hello")}),
              HasReasonCode(reason::kOffsetMismatch));
  // None of them has left the archive taken.
  EXPECT_OK(Serve({Begin(), good, End(5)}));
}

TEST_F(ChunkRpcTest, ReadsAreRefusedAsThoseOfBytes) {
  FakeWriter writer;
  v1::ReadChunksRequest read;
  RestoreFrontend& restore = harness_.replica().restore();
  EXPECT_THAT(ServeReadChunks(restore, harness_.admin(), read, writer),
              StatusIs(StatusCode::kInvalidArgument));
  read.set_name(ArchiveName{session_.snapshot, "a"}.ToString());
  EXPECT_THAT(ServeReadChunks(restore, harness_.admin(), read, writer),
              StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(writer.messages, testing::IsEmpty());
}

}  // namespace
}  // namespace cairn::ingest
