#include "client/testing/grpc_fake_ingest.h"

#include <grpcpp/server_context.h>

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "cairn/ingest/v1/backup_service.grpc.pb.h"
#include "cairn/ingest/v1/catalog_service.grpc.pb.h"
#include "cairn/ingest/v1/restore_service.grpc.pb.h"
#include "client/testing/fake_chunks.h"
#include "common/compression/zstd.h"
#include "common/digest/sha256.h"
#include "common/model/names.h"
#include "common/rpc/status_conversion.h"
#include "common/status/reason.h"
#include "common/wire/archive.h"

namespace cairn::client {

using namespace ingest::v1;  // NOLINT: this file is about nothing else
using grpc::ServerContext;
using grpc::Status;

namespace {

constexpr size_t kPageSize = 2;  // small, so that clients must page

Status Unavailable(const char* text) {
  return Status(grpc::StatusCode::UNAVAILABLE, text);
}

void KnowEntries(FakeIngest::Archive& archive) {
  if (archive.entries.empty()) {
    archive.entries = EntriesOf(archive.content, archive.kind);
  }
}

struct Session {
  std::string name;
  std::string group;
  std::string snapshot;
  std::string notes;
  int64_t time = 0;
  model::v1::SessionState state = model::v1::SESSION_STATE_OPEN;
  std::map<std::string, FakeIngest::Archive> archives;
  std::string base;  // name of its base snapshot; may be empty
};

struct Snapshot {
  model::v1::Snapshot proto;
  std::map<std::string, FakeIngest::Archive> archives;
};

}  // namespace

struct FakeIngest::State {
  explicit State(uint64_t seed) : random(seed) {}

  mutable absl::Mutex mutex;
  std::mt19937_64 random;
  Faults faults;
  int cuts = 0;
  uint64_t largest_gap = 0;
  uint64_t chunk_message_bytes = 0;
  uint64_t reused_bytes = 0;
  uint64_t entry_reads = 0;
  uint64_t range_message_bytes = 0;
  bool chunks = true;
  bool ranges = true;
  int64_t clock = 1'700'000'000;
  std::vector<std::string> session_order;
  std::map<std::string, Session> sessions;    // by name
  std::map<std::string, Snapshot> snapshots;  // by name
  std::map<std::string, model::v1::Namespace> namespaces;
  std::vector<model::v1::Datastore> datastores;

  // True if the server is to go away now, and then it does.
  bool GoAway(uint64_t durable) {
    if (faults.gone_at_durable == 0 || durable < faults.gone_at_durable) {
      return false;
    }
    faults.write_cuts = faults.unavailable_calls = 1'000'000;
    faults.max_cut_bytes = 1;
    return true;
  }
  // Takes one of `left` faults.
  static bool Take(int* left) {
    if (*left <= 0) return false;
    --*left;
    return true;
  }
  // After how many bytes a stream breaks; none: never.
  std::optional<uint64_t> Cut(int* left) {
    if (!Take(left)) return std::nullopt;
    ++cuts;
    return random() % faults.max_cut_bytes;
  }
  Status CheckAvailable() {
    return Take(&faults.unavailable_calls) ? Unavailable("out for a walk")
                                           : Status::OK;
  }
};

class FakeIngest::Backup final : public BackupService::Service {
 public:
  explicit Backup(State* state) : state_(state) {}

 private:
  Status GetCapabilities(ServerContext*, const GetCapabilitiesRequest*,
                         GetCapabilitiesResponse* response) override {
    absl::MutexLock lock(&state_->mutex);
    const Status available = state_->CheckAvailable();
    response->set_max_frame_bytes(1024 * 1024);
    response->set_max_blob_bytes(16 * 1024 * 1024);
    response->set_max_archives(256);
    response->set_watermark_interval_bytes(kWatermarkBytes);
    response->add_features("write-stream");
    response->add_features("diff");
    if (state_->chunks) {
      response->add_features("write-chunks");
      response->add_features("read-chunks");
    }
    if (state_->ranges) response->add_features("write-ranges");
    return available;
  }

  Status OpenSession(ServerContext*, const OpenSessionRequest* request,
                     OpenSessionResponse* response) override {
    absl::MutexLock lock(&state_->mutex);
    const Status available = state_->CheckAvailable();
    if (!available.ok()) return available;
    if (!state_->faults.open_error.ok()) {
      return ToGrpcStatus(state_->faults.open_error);
    }
    const absl::StatusOr<GroupName> group = GroupName::Parse(request->group());
    if (!group.ok()) return ToGrpcStatus(group.status());
    const std::string name =
        absl::StrCat("datastores/", group->parent.datastore, "/sessions/",
                     request->request_id());
    Session& session = state_->sessions[name];
    if (session.name.empty()) {
      session.name = name;
      session.group = request->group();
      session.time = request->has_backup_time()
                         ? request->backup_time().seconds()
                         : ++state_->clock;
      session.notes = request->notes();
      session.snapshot =
          SnapshotName{.group = *group, .time = session.time}.ToString();
      session.base = NewestSnapshotOf(session.group);
      state_->session_order.push_back(name);
    }
    Fill(session, response->mutable_session());
    return Status::OK;
  }

  Status GetSession(ServerContext*, const GetSessionRequest* request,
                    GetSessionResponse* response) override {
    absl::MutexLock lock(&state_->mutex);
    const Status available = state_->CheckAvailable();
    if (!available.ok()) return available;
    const auto found = state_->sessions.find(request->name());
    if (found == state_->sessions.end()) {
      return ToGrpcStatus(WithReason(absl::NotFoundError("no session"),
                                     reason::kSessionNotFound));
    }
    Fill(found->second, response->mutable_session());
    return Status::OK;
  }

  Status WriteStream(
      ServerContext* context,
      grpc::ServerReaderWriter<WriteStreamResponse, WriteStreamRequest>* stream)
      override;

  using ChunkStream =
      grpc::ServerReaderWriter<WriteChunksResponse, WriteChunksRequest>;
  // What one WriteChunks stream knows.
  struct ChunkWriting {
    std::string session;
    std::string archive;
    ChunkerSpec chunker;
    std::vector<ChunkEntry> sent;                      // of chunk messages
    std::optional<WriteChunksRequest::Chunk> pending;  // fragments are missing
    uint64_t written = 0;
    uint64_t reused = 0;
    std::optional<uint64_t> cut;
  };
  Status WriteChunks(ServerContext* context, ChunkStream* stream) override;
  Status BeginChunks(const WriteChunksRequest& request, ChunkWriting& writing,
                     WriteChunksResponse& started);
  Status TakeChunkRequest(WriteChunksRequest& request, ChunkWriting& writing,
                          Archive& archive);
  Status TakePayload(ChunkWriting& writing, Archive& archive);
  Status TakeReuse(const WriteChunksRequest::Reuse& reuse,
                   ChunkWriting& writing, Archive& archive);
  static void AppendContent(Archive& archive, const ChunkEntry& entry,
                            const std::string& unit);
  void AdvanceDurable(Archive& archive);

  using RangeStream =
      grpc::ServerReaderWriter<WriteRangesResponse, WriteRangesRequest>;
  // What one WriteRanges stream knows.
  struct RangeWriting {
    std::string session;
    std::string archive;
    std::string base;  // bytes of the archive there
    uint64_t size = 0;
    uint64_t position = 0;  // the next range is not below
    uint64_t plain = 0;
    uint64_t reused = 0;
    std::optional<uint64_t> cut;
  };
  Status WriteRanges(ServerContext* context, RangeStream* stream) override;
  Status BeginRanges(const WriteRangesRequest& request, RangeWriting& writing,
                     WriteRangesResponse& started);
  Status TakeRange(const WriteRangesRequest& request, RangeWriting& writing,
                   Archive& archive);
  Status TakeFromBase(uint64_t target, RangeWriting& writing, Archive& archive);
  // An archive that a stream goes on with, where it is durable.
  Status BeginArchive(const std::string& session, const std::string& archive,
                      uint64_t resume_offset);

  Status FinishSession(ServerContext*, const FinishSessionRequest* request,
                       FinishSessionResponse* response) override {
    absl::MutexLock lock(&state_->mutex);
    const Status available = state_->CheckAvailable();
    if (!available.ok()) return available;
    const auto found = state_->sessions.find(request->name());
    if (found == state_->sessions.end()) {
      return Status(grpc::StatusCode::NOT_FOUND, "no session");
    }
    Session& session = found->second;
    if (session.state == model::v1::SESSION_STATE_OPEN) {
      if (static_cast<size_t>(request->archives_size()) !=
          session.archives.size()) {
        return Status(grpc::StatusCode::FAILED_PRECONDITION, "archives");
      }
      for (const auto& expected : request->archives()) {
        const Archive& archive = session.archives[expected.name()];
        if (!archive.complete ||
            archive.content.size() != expected.size_bytes()) {
          return Status(grpc::StatusCode::FAILED_PRECONDITION,
                        expected.name() + " is not as expected");
        }
      }
      if (State::Take(&state_->faults.gone_bases)) {
        session.state = model::v1::SESSION_STATE_ABORTED;
        return ToGrpcStatus(WithReason(
            absl::FailedPreconditionError("base is gone"), reason::kBaseGone));
      }
      Publish(session);
    }
    if (session.state != model::v1::SESSION_STATE_PUBLISHED) {
      return ToGrpcStatus(WithReason(absl::FailedPreconditionError("ended"),
                                     reason::kSessionEnded));
    }
    if (State::Take(&state_->faults.lost_answers)) {
      return Unavailable("the answer got lost");
    }
    *response->mutable_snapshot() = state_->snapshots[session.snapshot].proto;
    return Status::OK;
  }

  Status AbortSession(ServerContext*, const AbortSessionRequest* request,
                      AbortSessionResponse*) override {
    absl::MutexLock lock(&state_->mutex);
    const Status available = state_->CheckAvailable();
    if (!available.ok()) return available;
    Session& session = state_->sessions[request->name()];
    if (session.state == model::v1::SESSION_STATE_OPEN) {
      session.state = model::v1::SESSION_STATE_ABORTED;
    }
    return Status::OK;
  }

  std::string NewestSnapshotOf(const std::string& group) const {
    std::string newest;
    for (const auto& [name, snapshot] : state_->snapshots) {
      // Names of one group sort by time.
      if (absl::StartsWith(name, group + "/snapshots/")) newest = name;
    }
    return newest;
  }

  static void Fill(const Session& session, model::v1::Session* proto) {
    proto->set_name(session.name);
    proto->set_base_snapshot(session.base);
    proto->set_snapshot(session.snapshot);
    proto->set_state(session.state);
    for (const auto& [name, archive] : session.archives) {
      auto* progress = proto->add_archives();
      progress->set_name(name);
      progress->set_kind(archive.kind);
      progress->set_durable_bytes(archive.durable);
      progress->set_complete(archive.complete);
      if (archive.complete) {
        progress->mutable_root()->set_size_bytes(archive.content.size());
      }
    }
  }

  void Publish(Session& session) {
    session.state = model::v1::SESSION_STATE_PUBLISHED;
    Snapshot& snapshot = state_->snapshots[session.snapshot];
    snapshot.archives = session.archives;
    for (auto& [name, archive] : snapshot.archives) KnowEntries(archive);
    snapshot.proto.set_name(session.snapshot);
    snapshot.proto.set_state(model::v1::SNAPSHOT_STATE_LISTED);
    snapshot.proto.set_notes(session.notes);
    uint64_t size = 0;
    for (const auto& [name, archive] : session.archives) {
      auto* proto = snapshot.proto.add_archives();
      proto->set_name(name);
      proto->set_kind(archive.kind);
      proto->mutable_root()->set_size_bytes(archive.content.size());
      proto->mutable_root()->set_hole_bytes(archive.hole_bytes);
      size += archive.content.size();
    }
    snapshot.proto.set_size_bytes(size);
    snapshot.proto.set_stored_bytes(size / 2);
    snapshot.proto.mutable_publish_time()->set_seconds(session.time);
  }

  State* const state_;
};

Status FakeIngest::Backup::WriteStream(
    ServerContext*,
    grpc::ServerReaderWriter<WriteStreamResponse, WriteStreamRequest>* stream) {
  WriteStreamRequest request;
  if (!stream->Read(&request) || !request.has_begin()) {
    return Status(grpc::StatusCode::INVALID_ARGUMENT, "no begin");
  }
  const std::string session_name = request.begin().session();
  const std::string archive_name = request.begin().archive();
  std::optional<uint64_t> cut;
  uint64_t received = 0;
  {
    absl::MutexLock lock(&state_->mutex);
    const Status begun = BeginArchive(session_name, archive_name,
                                      request.begin().resume_offset());
    if (!begun.ok()) return begun;
    Archive& archive = state_->sessions[session_name].archives[archive_name];
    archive.kind = request.begin().kind();
    archive.content.resize(archive.durable);  // the rest was lost
    archive.entries.clear();
    cut = state_->Cut(&state_->faults.write_cuts);
    WriteStreamResponse started;
    started.mutable_started()->set_offset(archive.durable);
    stream->Write(started);
  }
  while (stream->Read(&request)) {
    absl::MutexLock lock(&state_->mutex);
    Session& session = state_->sessions[session_name];
    Archive& archive = session.archives[archive_name];
    if (session.state != model::v1::SESSION_STATE_OPEN) {
      return ToGrpcStatus(
          WithReason(absl::AbortedError("fenced"), reason::kSessionFenced));
    }
    if (request.has_data() || request.has_hole()) {
      const uint64_t offset = request.has_data() ? request.data().offset()
                                                 : request.hole().offset();
      if (offset != archive.content.size()) {
        return ToGrpcStatus(absl::OutOfRangeError(
            absl::StrCat("frame at ", offset, ", archive stands at ",
                         archive.content.size())));
      }
    }
    if (request.has_data()) {
      if (request.data().data().empty() ||
          request.data().data().size() > 1024 * 1024) {
        return Status(grpc::StatusCode::INVALID_ARGUMENT, "frame size");
      }
      archive.content += request.data().data();
      received += request.data().data().size();
    } else if (request.has_hole()) {
      archive.content.append(request.hole().length(), '\0');
      archive.hole_bytes += request.hole().length();
      received += request.hole().length();
    } else if (request.has_end()) {
      if (request.end().size_bytes() != archive.content.size()) {
        return Status(grpc::StatusCode::INVALID_ARGUMENT, "size at the end");
      }
      if (cut.has_value()) return Unavailable("cut at the end");
      archive.durable = archive.content.size();
      archive.complete = true;
      WriteStreamResponse finished;
      auto* statistics = finished.mutable_finished()->mutable_statistics();
      statistics->set_plain_bytes(received);
      statistics->set_new_plain_bytes(received / 4);
      stream->Write(finished);
      return Status::OK;
    }
    state_->largest_gap = std::max<uint64_t>(
        state_->largest_gap, archive.content.size() - archive.durable);
    if (cut.has_value() && received >= *cut) {
      return Unavailable("cut in the middle");
    }
    if (request.has_flush() ||
        archive.content.size() - archive.durable >= kWatermarkBytes) {
      archive.durable =
          archive.content.size() / kBoundaryBytes * kBoundaryBytes;
      WriteStreamResponse watermark;
      watermark.mutable_watermark()->set_durable_bytes(archive.durable);
      watermark.mutable_watermark()->set_accepted_bytes(archive.content.size());
      if (state_->GoAway(archive.durable)) return Unavailable("gone");
      stream->Write(watermark);
    }
  }
  return Unavailable("the client went away");
}

Status FakeIngest::Backup::BeginArchive(const std::string& session_name,
                                        const std::string& archive_name,
                                        uint64_t resume_offset) {
  Session& session = state_->sessions[session_name];
  if (session.state != model::v1::SESSION_STATE_OPEN) {
    return ToGrpcStatus(
        WithReason(absl::AbortedError("fenced"), reason::kSessionFenced));
  }
  const Archive& archive = session.archives[archive_name];
  if (archive.complete) {
    return ToGrpcStatus(WithReason(absl::AlreadyExistsError("complete"),
                                   reason::kArchiveExists));
  }
  if (resume_offset != archive.durable) {
    return ToGrpcStatus(WithReason(
        absl::OutOfRangeError(absl::StrCat("stands at ", archive.durable)),
        reason::kOffsetMismatch));
  }
  return Status::OK;
}

Status FakeIngest::Backup::BeginChunks(const WriteChunksRequest& request,
                                       ChunkWriting& writing,
                                       WriteChunksResponse& started) {
  if (!state_->chunks) {
    return Status(grpc::StatusCode::UNIMPLEMENTED, "no chunks here");
  }
  writing.session = request.begin().session();
  writing.archive = request.begin().archive();
  const Status begun = BeginArchive(writing.session, writing.archive,
                                    request.begin().resume_offset());
  if (!begun.ok()) return begun;
  Archive& archive =
      state_->sessions[writing.session].archives[writing.archive];
  archive.kind = request.begin().kind();
  if (archive.entries.empty()) {
    archive.entries =
        EntriesOf(std::string_view(archive.content).substr(0, archive.durable),
                  archive.kind);
  }
  archive.content.resize(archive.durable);  // the rest was lost
  archive.entries = CutTo(archive.entries, 0, archive.durable);
  writing.chunker = FakeChunkerSpec(archive.kind);
  writing.cut = state_->Cut(&state_->faults.write_cuts);
  started.mutable_started()->set_offset(archive.durable);
  *started.mutable_started()->mutable_chunker() = ToProto(writing.chunker);
  return Status::OK;
}

void FakeIngest::Backup::AppendContent(Archive& archive,
                                       const ChunkEntry& entry,
                                       const std::string& unit) {
  AppendJoined(entry, archive.entries);
  if (entry.is_hole) {
    archive.content.append(entry.length, '\0');
    archive.hole_bytes += entry.length;
    return;
  }
  for (uint64_t i = 0; i < entry.repeat; ++i) archive.content += unit;
}

Status FakeIngest::Backup::TakePayload(ChunkWriting& writing,
                                       Archive& archive) {
  const WriteChunksRequest::Chunk& chunk = *writing.pending;
  const absl::StatusOr<std::string> plain = DecodePayload(
      static_cast<Encoding>(chunk.encoding()), chunk.payload(), chunk.length());
  if (!plain.ok() || Sha256(*plain).view() != chunk.digest()) {
    return ToGrpcStatus(WithReason(absl::InvalidArgumentError("not the bytes"),
                                   reason::kChunkMismatch));
  }
  const ChunkEntry entry = {.length = chunk.length(),
                            .repeat = std::max<uint64_t>(chunk.repeat(), 1),
                            .digest = *Digest::FromBytes(chunk.digest())};
  AppendContent(archive, entry, *plain);
  writing.sent.push_back(entry);
  writing.pending.reset();
  return Status::OK;
}

Status FakeIngest::Backup::TakeReuse(const WriteChunksRequest::Reuse& reuse,
                                     ChunkWriting& writing, Archive& archive) {
  const auto mismatch = [](const char* text) {
    return ToGrpcStatus(
        WithReason(absl::InvalidArgumentError(text), reason::kChunkMismatch));
  };
  std::vector<ChunkEntry> entries;
  std::string bytes;
  if (reuse.has_base()) {
    for (const auto& [offset, length] : state_->faults.refused_reuses) {
      if (offset < reuse.offset() + reuse.length() &&
          reuse.offset() < offset + length) {
        return ToGrpcStatus(WithReason(absl::FailedPreconditionError("damaged"),
                                       reason::kReuseRefused,
                                       {{"offset", absl::StrCat(offset)},
                                        {"length", absl::StrCat(length)}}));
      }
    }
    const Session& session = state_->sessions[writing.session];
    const auto base = state_->snapshots.find(session.base);
    if (base == state_->snapshots.end() ||
        base->second.archives.count(writing.archive) == 0) {
      return ToGrpcStatus(WithReason(absl::FailedPreconditionError("no base"),
                                     reason::kReuseRefused));
    }
    const Archive& from = base->second.archives.at(writing.archive);
    entries = CutTo(from.entries, reuse.base().offset(), reuse.length());
    if (entries.empty()) return mismatch("within a chunk");
    bytes = from.content.substr(reuse.base().offset(), reuse.length());
  } else {
    const uint64_t count = writing.sent.size();
    if (reuse.sent_chunk() >= count || reuse.sent_chunk() + 65536 < count) {
      return mismatch("no such chunk message");
    }
    ChunkEntry entry = writing.sent[reuse.sent_chunk()];
    if (reuse.length() % entry.length != 0) return mismatch("no multiple");
    entry.repeat = reuse.length() / entry.length;
    entries.push_back(entry);
    // Somewhere in the content, as it was written by this stream.
    uint64_t at = 0;
    for (const ChunkEntry& written : archive.entries) {
      if (written.digest == entry.digest) break;
      at += written.total_length();
    }
    for (uint64_t i = 0; i < entry.repeat; ++i) {
      bytes += archive.content.substr(at, entry.length);
    }
  }
  if (entries.size() > 4096) return mismatch("too many entries");
  if (reuse.check() != CheckOf(entries)) return mismatch("not what was said");
  for (const ChunkEntry& entry : entries) {
    AppendJoined(entry, archive.entries);
    if (entry.is_hole) archive.hole_bytes += entry.length;
  }
  archive.content += bytes;
  writing.reused += reuse.length();
  state_->reused_bytes += reuse.length();
  return Status::OK;
}

Status FakeIngest::Backup::TakeChunkRequest(WriteChunksRequest& request,
                                            ChunkWriting& writing,
                                            Archive& archive) {
  const auto invalid = [](const char* text) {
    return Status(grpc::StatusCode::INVALID_ARGUMENT, text);
  };
  if (request.has_fragment() != writing.pending.has_value()) {
    return invalid("fragments out of order");
  }
  uint64_t offset = archive.content.size();
  if (request.has_chunk()) {
    offset = request.chunk().offset();
    if (request.chunk().payload().size() > 1024 * 1024 ||
        request.chunk().length() > writing.chunker.max_bytes) {
      return invalid("too long");
    }
    writing.pending = std::move(*request.mutable_chunk());
  } else if (request.has_fragment()) {
    if (request.fragment().empty() || request.fragment().size() > 1024 * 1024) {
      return invalid("fragment size");
    }
    writing.pending->mutable_payload()->append(request.fragment());
  } else if (request.has_reuse()) {
    offset = request.reuse().offset();
  } else if (request.has_hole()) {
    offset = request.hole().offset();
  }
  if (offset != archive.content.size()) {
    return ToGrpcStatus(absl::OutOfRangeError(
        absl::StrCat("message at ", offset, ", archive stands at ",
                     archive.content.size())));
  }
  if (request.has_reuse()) return TakeReuse(request.reuse(), writing, archive);
  if (request.has_hole()) {
    AppendContent(archive, {.is_hole = true, .length = request.hole().length()},
                  "");
  } else if (writing.pending.has_value() &&
             writing.pending->payload().size() >=
                 writing.pending->stored_length()) {
    return TakePayload(writing, archive);
  }
  return Status::OK;
}

// To the end, or to the beginning of the last entry.
void FakeIngest::Backup::AdvanceDurable(Archive& archive) {
  uint64_t durable = archive.content.size();
  if (!archive.entries.empty() && state_->random() % 2 == 0) {
    durable -= archive.entries.back().total_length();
  }
  archive.durable = std::max(archive.durable, durable);
}

Status FakeIngest::Backup::WriteChunks(ServerContext*, ChunkStream* stream) {
  WriteChunksRequest request;
  if (!stream->Read(&request) || !request.has_begin()) {
    return Status(grpc::StatusCode::INVALID_ARGUMENT, "no begin");
  }
  ChunkWriting writing;
  WriteChunksResponse response;
  {
    absl::MutexLock lock(&state_->mutex);
    const Status begun = BeginChunks(request, writing, response);
    if (!begun.ok()) return begun;
  }
  stream->Write(response);
  while (stream->Read(&request)) {
    absl::MutexLock lock(&state_->mutex);
    state_->chunk_message_bytes += request.ByteSizeLong();
    Session& session = state_->sessions[writing.session];
    if (session.state != model::v1::SESSION_STATE_OPEN) {
      return ToGrpcStatus(
          WithReason(absl::AbortedError("fenced"), reason::kSessionFenced));
    }
    Archive& archive = session.archives[writing.archive];
    const uint64_t before = archive.content.size();
    const Status taken = TakeChunkRequest(request, writing, archive);
    if (!taken.ok()) return taken;
    writing.written += archive.content.size() - before;
    if (writing.cut.has_value() && writing.written >= *writing.cut) {
      return Unavailable("cut in the middle");
    }
    response.Clear();
    if (request.has_end()) {
      if (request.end().size_bytes() != archive.content.size()) {
        return Status(grpc::StatusCode::INVALID_ARGUMENT, "size at the end");
      }
      if (writing.cut.has_value()) return Unavailable("cut at the end");
      archive.durable = archive.content.size();
      archive.complete = true;
      auto* statistics = response.mutable_finished()->mutable_statistics();
      statistics->set_plain_bytes(writing.written - writing.reused);
      statistics->set_new_plain_bytes(writing.written - writing.reused);
      statistics->set_reused_bytes(writing.reused);
      stream->Write(response);
      return Status::OK;
    }
    if (request.has_flush() ||
        archive.content.size() - archive.durable >= kWatermarkBytes) {
      if (request.has_flush()) {
        archive.durable = archive.content.size();
      } else {
        AdvanceDurable(archive);
      }
      response.mutable_watermark()->set_durable_bytes(archive.durable);
      response.mutable_watermark()->set_accepted_bytes(archive.content.size());
      if (state_->GoAway(archive.durable)) return Unavailable("gone");
      stream->Write(response);
    }
  }
  return Unavailable("the client went away");
}

Status FakeIngest::Backup::BeginRanges(const WriteRangesRequest& request,
                                       RangeWriting& writing,
                                       WriteRangesResponse& started) {
  const auto refused = [](const char* text) {
    return ToGrpcStatus(
        WithReason(absl::FailedPreconditionError(text), reason::kReuseRefused));
  };
  if (!state_->ranges) {
    return Status(grpc::StatusCode::UNIMPLEMENTED, "no ranges here");
  }
  writing.session = request.begin().session();
  writing.archive = request.begin().archive();
  writing.size = request.begin().size_bytes();
  Session& session = state_->sessions[writing.session];
  if (session.base != request.begin().base_snapshot()) {
    return refused("another base");
  }
  const auto base = state_->snapshots.find(session.base);
  if (base == state_->snapshots.end()) return refused("the base is gone");
  const auto from = base->second.archives.find(writing.archive);
  if (from == base->second.archives.end()) return refused("no such archive");
  const Status begun = BeginArchive(writing.session, writing.archive,
                                    request.begin().resume_offset());
  if (!begun.ok()) return begun;
  writing.base = from->second.content;
  Archive& archive = session.archives[writing.archive];
  if (writing.size < archive.durable) {
    return Status(grpc::StatusCode::INVALID_ARGUMENT, "durable beyond its end");
  }
  archive.kind = from->second.kind;
  archive.content.resize(archive.durable);  // the rest was lost
  archive.entries.clear();
  writing.position = archive.durable;
  writing.cut = state_->Cut(&state_->faults.write_cuts);
  started.mutable_started()->set_offset(archive.durable);
  return Status::OK;
}

Status FakeIngest::Backup::TakeFromBase(uint64_t target, RangeWriting& writing,
                                        Archive& archive) {
  const uint64_t at = archive.content.size();
  for (const auto& [offset, length] : state_->faults.refused_reuses) {
    if (offset < target && at < offset + length) {
      return ToGrpcStatus(WithReason(absl::FailedPreconditionError("damaged"),
                                     reason::kReuseRefused));
    }
  }
  if (at < std::min<uint64_t>(target, writing.base.size())) {
    archive.content += writing.base.substr(at, target - at);
    writing.reused += archive.content.size() - at;
  }
  archive.content.resize(target, '\0');
  return Status::OK;
}

Status FakeIngest::Backup::TakeRange(const WriteRangesRequest& request,
                                     RangeWriting& writing, Archive& archive) {
  const bool is_hole = request.has_hole();
  const uint64_t offset =
      is_hole ? request.hole().offset() : request.data().offset();
  const uint64_t length =
      is_hole ? request.hole().length() : request.data().data().size();
  if (offset < writing.position) {
    return ToGrpcStatus(
        WithReason(absl::OutOfRangeError(absl::StrCat("range at ", offset)),
                   reason::kOffsetMismatch));
  }
  if (length == 0 || offset > writing.size || length > writing.size - offset ||
      (!is_hole && length > 1024 * 1024)) {
    return Status(grpc::StatusCode::INVALID_ARGUMENT, "range size");
  }
  const Status taken = TakeFromBase(offset, writing, archive);
  if (!taken.ok()) return taken;
  if (is_hole) {
    archive.content.append(length, '\0');
    archive.hole_bytes += length;
  } else {
    archive.content += request.data().data();
    writing.plain += length;
  }
  writing.position = offset + length;
  return Status::OK;
}

Status FakeIngest::Backup::WriteRanges(ServerContext*, RangeStream* stream) {
  WriteRangesRequest request;
  if (!stream->Read(&request) || !request.has_begin()) {
    return Status(grpc::StatusCode::INVALID_ARGUMENT, "no begin");
  }
  RangeWriting writing;
  WriteRangesResponse response;
  {
    absl::MutexLock lock(&state_->mutex);
    state_->range_message_bytes += request.ByteSizeLong();
    const Status begun = BeginRanges(request, writing, response);
    if (!begun.ok()) return begun;
  }
  stream->Write(response);
  while (stream->Read(&request)) {
    absl::MutexLock lock(&state_->mutex);
    state_->range_message_bytes += request.ByteSizeLong();
    Session& session = state_->sessions[writing.session];
    if (session.state != model::v1::SESSION_STATE_OPEN) {
      return ToGrpcStatus(
          WithReason(absl::AbortedError("fenced"), reason::kSessionFenced));
    }
    Archive& archive = session.archives[writing.archive];
    const bool ends = request.has_end();
    if (!request.has_flush()) {
      const Status taken = ends ? TakeFromBase(writing.size, writing, archive)
                                : TakeRange(request, writing, archive);
      if (!taken.ok()) return taken;
    }
    if (writing.cut.has_value() && (ends || writing.plain >= *writing.cut)) {
      // It may have come far in the base meanwhile.
      archive.durable +=
          state_->random() % (archive.content.size() - archive.durable + 1);
      return Unavailable("cut");
    }
    response.Clear();
    if (ends) {
      archive.durable = archive.content.size();
      archive.complete = true;
      auto* statistics = response.mutable_finished()->mutable_statistics();
      statistics->set_plain_bytes(writing.plain);
      statistics->set_new_plain_bytes(writing.plain);
      statistics->set_reused_bytes(writing.reused);
      stream->Write(response);
      return Status::OK;
    }
    state_->largest_gap = std::max<uint64_t>(
        state_->largest_gap, archive.content.size() - archive.durable);
    if (request.has_flush() ||
        archive.content.size() - archive.durable >= kWatermarkBytes) {
      archive.durable =
          request.has_flush()
              ? archive.content.size()
              : archive.durable + state_->random() % (archive.content.size() -
                                                      archive.durable + 1);
      response.mutable_watermark()->set_durable_bytes(archive.durable);
      response.mutable_watermark()->set_accepted_bytes(archive.content.size());
      if (state_->GoAway(archive.durable)) return Unavailable("gone");
      stream->Write(response);
    }
  }
  return Unavailable("the client went away");
}

class FakeIngest::Restore final : public RestoreService::Service {
 public:
  explicit Restore(State* state) : state_(state) {}

 private:
  Status ReadArchive(ServerContext*, const ReadArchiveRequest* request,
                     grpc::ServerWriter<ReadArchiveResponse>* writer) override {
    const absl::StatusOr<ArchiveName> name =
        ArchiveName::Parse(request->name());
    if (!name.ok()) return ToGrpcStatus(name.status());
    std::string content;
    std::optional<uint64_t> cut;
    absl::Status error;
    {
      absl::MutexLock lock(&state_->mutex);
      const auto snapshot = state_->snapshots.find(name->snapshot.ToString());
      if (snapshot == state_->snapshots.end() ||
          snapshot->second.archives.count(name->archive) == 0) {
        return Status(grpc::StatusCode::NOT_FOUND, request->name());
      }
      content = snapshot->second.archives.at(name->archive).content;
      cut = state_->Cut(&state_->faults.read_cuts);
      error = state_->faults.read_error;
    }
    if (request->offset() > content.size()) {
      return Status(grpc::StatusCode::OUT_OF_RANGE, "offset");
    }
    const uint64_t end =
        request->length() == 0
            ? content.size()
            : std::min<uint64_t>(content.size(),
                                 request->offset() + request->length());
    ReadArchiveResponse response;
    response.mutable_header()->set_archive_size_bytes(content.size());
    response.mutable_header()->set_offset(request->offset());
    response.mutable_header()->set_length(end - request->offset());
    writer->Write(response);
    if (!error.ok()) return ToGrpcStatus(error);
    return Stream(content, request->offset(), end, cut, writer);
  }

  Status ReadChunks(ServerContext*, const ReadChunksRequest* request,
                    grpc::ServerWriter<ReadChunksResponse>* writer) override {
    const absl::StatusOr<ArchiveName> name =
        ArchiveName::Parse(request->name());
    if (!name.ok()) return ToGrpcStatus(name.status());
    Archive archive;
    Faults faults;
    std::optional<uint64_t> cut;
    {
      absl::MutexLock lock(&state_->mutex);
      if (!state_->chunks) {
        return Status(grpc::StatusCode::UNIMPLEMENTED, "no chunks here");
      }
      const auto snapshot = state_->snapshots.find(name->snapshot.ToString());
      if (snapshot == state_->snapshots.end() ||
          snapshot->second.archives.count(name->archive) == 0) {
        return Status(grpc::StatusCode::NOT_FOUND, request->name());
      }
      archive = snapshot->second.archives.at(name->archive);
      cut = state_->Cut(&state_->faults.read_cuts);
      faults = state_->faults;
      if (request->entries_only()) ++state_->entry_reads;
    }
    const uint64_t size = archive.content.size();
    if (request->offset() > size) {
      return Status(grpc::StatusCode::OUT_OF_RANGE, "offset");
    }
    const uint64_t length =
        request->length() == 0
            ? size - request->offset()
            : std::min(request->length(), size - request->offset());
    ReadChunksResponse response;
    auto* header = response.mutable_header()->mutable_archive();
    header->set_name(name->archive);
    header->set_kind(archive.kind);
    header->mutable_root()->set_size_bytes(size);
    writer->Write(response);
    if (!faults.read_error.ok()) return ToGrpcStatus(faults.read_error);
    for (const PlacedEntry& placed :
         Overlapping(archive.entries, request->offset(), length)) {
      if (cut.has_value() && placed.offset >= request->offset() + *cut) {
        return Unavailable("cut");
      }
      const bool written =
          request->entries_only() || placed.entry.is_hole
              ? WriteEntry(placed, writer)
              : WriteChunk(placed, archive,
                           faults.wrong_chunk_at == placed.offset, writer);
      if (!written) return Unavailable("client gone");
    }
    return Status::OK;
  }

  // Compares bytes; a message a range.
  Status DiffArchives(
      ServerContext*, const DiffArchivesRequest* request,
      grpc::ServerWriter<DiffArchivesResponse>* writer) override {
    std::string contents[2];
    std::optional<uint64_t> cut;
    {
      absl::MutexLock lock(&state_->mutex);
      const std::string* const names[2] = {&request->base(), &request->name()};
      for (int i = 0; i < 2; ++i) {
        const absl::StatusOr<ArchiveName> name = ArchiveName::Parse(*names[i]);
        if (!name.ok()) return ToGrpcStatus(name.status());
        const auto snapshot = state_->snapshots.find(name->snapshot.ToString());
        if (snapshot == state_->snapshots.end() ||
            snapshot->second.archives.count(name->archive) == 0) {
          return Status(grpc::StatusCode::NOT_FOUND, *names[i]);
        }
        contents[i] = snapshot->second.archives.at(name->archive).content;
      }
      cut = state_->Cut(&state_->faults.read_cuts);
    }
    const uint64_t end = std::max(contents[0].size(), contents[1].size());
    const auto differs = [&](uint64_t at) {
      return at >= contents[0].size() || at >= contents[1].size() ||
             contents[0][at] != contents[1][at];
    };
    for (uint64_t at = request->offset(); at < end;) {
      if (cut.has_value() && at - request->offset() >= *cut) {
        return Unavailable("cut");
      }
      DiffArchivesResponse response;
      while (at < end && !differs(at)) ++at;
      const uint64_t begin = at;
      while (at < end && differs(at)) ++at;
      if (at > begin) {
        response.add_ranges()->set_offset(begin);
        response.mutable_ranges(0)->set_length(at - begin);
      }
      response.set_compared_bytes(at);
      if (!writer->Write(response)) return Unavailable("client gone");
    }
    return Status::OK;
  }

  static bool WriteEntry(const PlacedEntry& placed,
                         grpc::ServerWriter<ReadChunksResponse>* writer) {
    ReadChunksResponse response;
    *response.mutable_entries()->add_entries() = ToProto(placed);
    return writer->Write(response);
  }

  static bool WriteChunk(const PlacedEntry& placed, const Archive& archive,
                         bool wrong,
                         grpc::ServerWriter<ReadChunksResponse>* writer) {
    constexpr size_t kStep = 20'000;
    std::string plain =
        archive.content.substr(placed.offset, placed.entry.length);
    if (wrong) plain[plain.size() / 2] ^= 1;
    const EncodedPayload encoded = EncodeChunk(plain, 1);
    ReadChunksResponse response;
    *response.mutable_chunk()->mutable_entry() = ToProto(placed);
    response.mutable_chunk()->set_encoding(
        static_cast<model::v1::Encoding>(encoded.encoding));
    response.mutable_chunk()->set_stored_length(encoded.payload.size());
    response.mutable_chunk()->set_payload(encoded.payload.substr(0, kStep));
    if (!writer->Write(response)) return false;
    for (size_t at = kStep; at < encoded.payload.size(); at += kStep) {
      ReadChunksResponse more;
      more.set_fragment(encoded.payload.substr(at, kStep));
      if (!writer->Write(more)) return false;
    }
    return true;
  }

  static Status Stream(const std::string& content, uint64_t begin, uint64_t end,
                       std::optional<uint64_t> cut,
                       grpc::ServerWriter<ReadArchiveResponse>* writer) {
    constexpr uint64_t kStep = 256 * 1024;
    for (uint64_t at = begin; at < end;) {
      if (cut.has_value() && at - begin >= *cut) return Unavailable("cut");
      const uint64_t length = std::min(kStep, end - at);
      const std::string piece = content.substr(at, length);
      ReadArchiveResponse response;
      if (piece.find_first_not_of('\0') == std::string::npos) {
        response.mutable_hole()->set_offset(at);
        response.mutable_hole()->set_length(length);
      } else {
        response.mutable_data()->set_offset(at);
        response.mutable_data()->set_data(piece);
      }
      if (!writer->Write(response)) return Unavailable("client gone");
      at += length;
    }
    return Status::OK;
  }

  State* const state_;
};

class FakeIngest::Catalog final : public CatalogService::Service {
 public:
  explicit Catalog(State* state) : state_(state) {}

 private:
  // Adds to `add` the page of `items` that `token` names.
  template <typename Items, typename Add>
  static std::string Page(const Items& items, const std::string& token,
                          Add add) {
    const size_t begin = token.empty() ? 0 : std::stoul(token);
    size_t index = 0;
    for (const auto& item : items) {
      if (index >= begin && index < begin + kPageSize) add(item);
      ++index;
    }
    return begin + kPageSize < items.size() ? absl::StrCat(begin + kPageSize)
                                            : "";
  }

  Status ListDatastores(ServerContext*, const ListDatastoresRequest* request,
                        ListDatastoresResponse* response) override {
    absl::MutexLock lock(&state_->mutex);
    response->set_next_page_token(
        Page(state_->datastores, request->page_token(),
             [&](const auto& item) { *response->add_datastores() = item; }));
    return Status::OK;
  }

  Status CreateDatastore(ServerContext*, const CreateDatastoreRequest* request,
                         CreateDatastoreResponse* response) override {
    absl::MutexLock lock(&state_->mutex);
    const std::string name = "datastores/" + request->datastore_id();
    for (const auto& existing : state_->datastores) {
      if (existing.name() == name) {
        return Status(grpc::StatusCode::ALREADY_EXISTS, name + " exists");
      }
    }
    response->mutable_datastore()->set_name(name);
    response->mutable_datastore()->set_comment(request->comment());
    state_->datastores.push_back(response->datastore());
    return Status::OK;
  }

  Status ListNamespaces(ServerContext*, const ListNamespacesRequest* request,
                        ListNamespacesResponse* response) override {
    absl::MutexLock lock(&state_->mutex);
    response->set_next_page_token(Page(
        state_->namespaces, request->page_token(),
        [&](const auto& item) { *response->add_namespaces() = item.second; }));
    return Status::OK;
  }

  Status CreateNamespace(ServerContext*, const CreateNamespaceRequest* request,
                         CreateNamespaceResponse* response) override {
    absl::MutexLock lock(&state_->mutex);
    response->mutable_namespace_()->set_name(request->name());
    response->mutable_namespace_()->set_comment(request->comment());
    state_->namespaces[request->name()] = response->namespace_();
    return Status::OK;
  }

  Status DeleteNamespace(ServerContext*, const DeleteNamespaceRequest* request,
                         DeleteNamespaceResponse*) override {
    absl::MutexLock lock(&state_->mutex);
    if (state_->namespaces.erase(request->name()) == 0) {
      return Status(grpc::StatusCode::NOT_FOUND, request->name());
    }
    return Status::OK;
  }

  Status ListGroups(ServerContext*, const ListGroupsRequest* request,
                    ListGroupsResponse* response) override {
    absl::MutexLock lock(&state_->mutex);
    std::map<std::string, model::v1::Group> groups;
    for (const auto& [name, snapshot] : state_->snapshots) {
      const SnapshotName parsed = *SnapshotName::Parse(name);
      model::v1::Group& group = groups[parsed.group.ToString()];
      group.set_name(parsed.group.ToString());
      group.set_owner("root@unix");
      group.set_snapshot_count(group.snapshot_count() + 1);
      group.mutable_last_snapshot_time()->set_seconds(parsed.time);
    }
    response->set_next_page_token(
        Page(groups, request->page_token(),
             [&](const auto& item) { *response->add_groups() = item.second; }));
    return Status::OK;
  }

  Status ListSnapshots(ServerContext*, const ListSnapshotsRequest* request,
                       ListSnapshotsResponse* response) override {
    absl::MutexLock lock(&state_->mutex);
    std::vector<model::v1::Snapshot> found;
    for (const auto& [name, snapshot] : state_->snapshots) {
      const bool in_trash =
          snapshot.proto.state() == model::v1::SNAPSHOT_STATE_TRASH;
      if (absl::StartsWith(name, request->parent() + "/") &&
          in_trash == request->filter().trash()) {
        found.push_back(snapshot.proto);
      }
    }
    response->set_next_page_token(
        Page(found, request->page_token(),
             [&](const auto& item) { *response->add_snapshots() = item; }));
    return Status::OK;
  }

  Status GetSnapshot(ServerContext*, const GetSnapshotRequest* request,
                     GetSnapshotResponse* response) override {
    absl::MutexLock lock(&state_->mutex);
    const auto found = state_->snapshots.find(request->name());
    if (found == state_->snapshots.end()) {
      return Status(grpc::StatusCode::NOT_FOUND,
                    "no snapshot " + request->name());
    }
    *response->mutable_snapshot() = found->second.proto;
    return Status::OK;
  }

  Status UpdateSnapshot(ServerContext*, const UpdateSnapshotRequest* request,
                        UpdateSnapshotResponse* response) override {
    absl::MutexLock lock(&state_->mutex);
    const auto found = state_->snapshots.find(request->snapshot().name());
    if (found == state_->snapshots.end()) {
      return Status(grpc::StatusCode::NOT_FOUND, "no such snapshot");
    }
    model::v1::Snapshot& proto = found->second.proto;
    for (const std::string& path : request->update_mask().paths()) {
      if (path == "notes") proto.set_notes(request->snapshot().notes());
      if (path == "protected") {
        proto.set_protected_(request->snapshot().protected_());
      }
    }
    *response->mutable_snapshot() = proto;
    return Status::OK;
  }

  Status ForgetSnapshots(ServerContext*, const ForgetSnapshotsRequest* request,
                         ForgetSnapshotsResponse* response) override {
    absl::MutexLock lock(&state_->mutex);
    const int64_t until = 1'800'000'000 + (request->has_trash_time()
                                               ? request->trash_time().seconds()
                                               : 7 * 24 * 3600);
    for (const std::string& name : request->names()) {
      const auto found = state_->snapshots.find(name);
      if (found == state_->snapshots.end()) continue;
      model::v1::Snapshot& proto = found->second.proto;
      proto.set_state(model::v1::SNAPSHOT_STATE_TRASH);
      proto.mutable_trash_time()->set_seconds(1'800'000'000);
      proto.mutable_trash_until()->set_seconds(until);
    }
    response->mutable_trash_until()->set_seconds(until);
    return Status::OK;
  }

  Status UndeleteSnapshots(ServerContext*,
                           const UndeleteSnapshotsRequest* request,
                           UndeleteSnapshotsResponse*) override {
    absl::MutexLock lock(&state_->mutex);
    for (const std::string& name : request->names()) {
      const auto found = state_->snapshots.find(name);
      if (found == state_->snapshots.end()) {
        return Status(grpc::StatusCode::NOT_FOUND, "no snapshot " + name);
      }
      model::v1::Snapshot& proto = found->second.proto;
      proto.set_state(model::v1::SNAPSHOT_STATE_LISTED);
      proto.clear_trash_time();
      proto.clear_trash_until();
    }
    return Status::OK;
  }

  Status ListLeases(ServerContext*, const ListLeasesRequest* request,
                    ListLeasesResponse* response) override {
    auto* lease = response->add_leases();
    lease->set_id("11111111-2222-4333-8444-555555555555");
    lease->set_datastore(request->datastore());
    lease->set_holder("host \033[31mweb1");
    lease->set_purpose(model::v1::LEASE_PURPOSE_BACKUP);
    lease->mutable_age()->set_seconds(65);
    auto* claim = lease->add_claims();
    claim->set_resource(request->datastore() + "/groups/host/web1");
    claim->set_mode(model::v1::LEASE_MODE_EXCLUSIVE);
    return Status::OK;
  }

  Status GetStatus(ServerContext*, const GetStatusRequest*,
                   GetStatusResponse* response) override {
    absl::MutexLock lock(&state_->mutex);
    response->set_server_version("9.8.7");
    auto* service = response->add_services();
    service->set_name("index");
    service->set_ready(true);
    auto* datastore = response->add_datastores();
    datastore->set_name("datastores/default");
    datastore->set_logical_bytes(3 << 20);
    datastore->set_stored_bytes(1 << 20);
    return Status::OK;
  }

  State* const state_;
};

struct FakeIngest::Server {
  explicit Server(State* state)
      : backup(state), restore(state), catalog(state) {}
  Backup backup;
  Restore restore;
  Catalog catalog;
};

FakeIngest::FakeIngest(uint64_t seed) : state_(std::make_unique<State>(seed)) {
  model::v1::Datastore datastore;
  datastore.set_name("datastores/default");
  state_->datastores.push_back(datastore);
  Start();
}

FakeIngest::~FakeIngest() { socket_.Stop(); }

void FakeIngest::Start() {
  server_ = std::make_unique<Server>(state_.get());
  socket_.Serve({&server_->backup, &server_->restore, &server_->catalog});
}

void FakeIngest::Restart() {
  socket_.Stop();
  Start();
}

void FakeIngest::SetFaults(const Faults& faults) {
  absl::MutexLock lock(&state_->mutex);
  state_->faults = faults;
}

std::optional<FakeIngest::Archive> FakeIngest::Published(
    const std::string& archive) const {
  absl::MutexLock lock(&state_->mutex);
  const Snapshot* newest = nullptr;
  for (const auto& [name, snapshot] : state_->snapshots) {
    if (newest == nullptr || snapshot.proto.publish_time().seconds() >
                                 newest->proto.publish_time().seconds()) {
      newest = &snapshot;
    }
  }
  if (newest == nullptr) return std::nullopt;
  const auto found = newest->archives.find(archive);
  if (found == newest->archives.end()) return std::nullopt;
  return found->second;
}

void FakeIngest::AddSnapshot(const std::string& name,
                             std::map<std::string, Archive> archives) {
  absl::MutexLock lock(&state_->mutex);
  Snapshot& snapshot = state_->snapshots[name];
  snapshot.proto.set_name(name);
  snapshot.proto.set_state(model::v1::SNAPSHOT_STATE_LISTED);
  for (const auto& [id, archive] : archives) {
    auto* proto = snapshot.proto.add_archives();
    proto->set_name(id);
    proto->set_kind(archive.kind);
    proto->mutable_root()->set_size_bytes(archive.content.size());
  }
  snapshot.archives = std::move(archives);
  for (auto& [id, archive] : snapshot.archives) KnowEntries(archive);
}

void FakeIngest::RemoveSnapshot(const std::string& name) {
  absl::MutexLock lock(&state_->mutex);
  state_->snapshots.erase(name);
}

model::v1::SessionState FakeIngest::NewestSessionState() const {
  absl::MutexLock lock(&state_->mutex);
  if (state_->session_order.empty()) {
    return model::v1::SESSION_STATE_UNSPECIFIED;
  }
  return state_->sessions.at(state_->session_order.back()).state;
}

void FakeIngest::FenceSessions() {
  absl::MutexLock lock(&state_->mutex);
  for (auto& [name, session] : state_->sessions) {
    session.state = model::v1::SESSION_STATE_FENCED;
  }
}

int FakeIngest::cuts_made() const {
  absl::MutexLock lock(&state_->mutex);
  return state_->cuts;
}

uint64_t FakeIngest::chunk_message_bytes() const {
  absl::MutexLock lock(&state_->mutex);
  return state_->chunk_message_bytes;
}

uint64_t FakeIngest::reused_bytes() const {
  absl::MutexLock lock(&state_->mutex);
  return state_->reused_bytes;
}

uint64_t FakeIngest::entry_reads() const {
  absl::MutexLock lock(&state_->mutex);
  return state_->entry_reads;
}

uint64_t FakeIngest::range_message_bytes() const {
  absl::MutexLock lock(&state_->mutex);
  return state_->range_message_bytes;
}

void FakeIngest::ForgetRanges() {
  absl::MutexLock lock(&state_->mutex);
  state_->ranges = false;
}

void FakeIngest::ForgetChunks() {
  absl::MutexLock lock(&state_->mutex);
  state_->chunks = false;
}

uint64_t FakeIngest::largest_gap_bytes() const {
  absl::MutexLock lock(&state_->mutex);
  return state_->largest_gap;
}

}  // namespace cairn::client
