#include "client/testing/grpc_fake_ingest.h"

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "cairn/ingest/v1/backup_service.grpc.pb.h"
#include "cairn/ingest/v1/catalog_service.grpc.pb.h"
#include "cairn/ingest/v1/restore_service.grpc.pb.h"
#include "common/log/log.h"
#include "common/model/names.h"
#include "common/rpc/status_conversion.h"
#include "common/status/reason.h"

namespace cairn::client {

using namespace ingest::v1;  // NOLINT: this file is about nothing else
using grpc::ServerContext;
using grpc::Status;

namespace {

constexpr size_t kPageSize = 2;  // small, so that clients must page

Status Unavailable(const char* text) {
  return Status(grpc::StatusCode::UNAVAILABLE, text);
}

std::string MakeFolder() {
  std::string folder = "/tmp/cairn-fake.XXXXXX";
  CHECK(mkdtemp(folder.data()) != nullptr) << folder;
  return folder;
}

struct Session {
  std::string name;
  std::string group;
  std::string snapshot;
  std::string notes;
  int64_t time = 0;
  model::v1::SessionState state = model::v1::SESSION_STATE_OPEN;
  std::map<std::string, FakeIngest::Archive> archives;
  int streams = 0;
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
  int64_t clock = 1'700'000'000;
  std::vector<std::string> session_order;
  std::map<std::string, Session> sessions;    // by name
  std::map<std::string, Snapshot> snapshots;  // by name
  std::map<std::string, model::v1::Namespace> namespaces;
  std::vector<model::v1::Datastore> datastores;

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
    Session& session = state_->sessions[request->name()];
    if (session.state == model::v1::SESSION_STATE_OPEN) {
      session.state = model::v1::SESSION_STATE_ABORTED;
    }
    return Status::OK;
  }

  static void Fill(const Session& session, model::v1::Session* proto) {
    proto->set_name(session.name);
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
    Session& session = state_->sessions[session_name];
    if (session.state != model::v1::SESSION_STATE_OPEN) {
      return ToGrpcStatus(
          WithReason(absl::AbortedError("fenced"), reason::kSessionFenced));
    }
    Archive& archive = session.archives[archive_name];
    if (archive.complete) {
      return ToGrpcStatus(WithReason(absl::AlreadyExistsError("complete"),
                                     reason::kArchiveExists));
    }
    if (request.begin().resume_offset() != archive.durable) {
      return ToGrpcStatus(WithReason(
          absl::OutOfRangeError(absl::StrCat("stands at ", archive.durable)),
          reason::kOffsetMismatch));
    }
    archive.kind = request.begin().kind();
    archive.content.resize(archive.durable);  // the rest was lost
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
      stream->Write(watermark);
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
      if (absl::StartsWith(name, request->parent() + "/")) {
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
  std::unique_ptr<grpc::Server> grpc;
};

FakeIngest::FakeIngest(uint64_t seed)
    : folder_(MakeFolder()),
      address_(absl::StrCat("unix:", folder_, "/socket")),
      state_(std::make_unique<State>(seed)) {
  model::v1::Datastore datastore;
  datastore.set_name("datastores/default");
  state_->datastores.push_back(datastore);
  Start();
}

FakeIngest::~FakeIngest() {
  server_->grpc->Shutdown(std::chrono::system_clock::time_point());
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void FakeIngest::Start() {
  server_ = std::make_unique<Server>(state_.get());
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address_, grpc::InsecureServerCredentials());
  // How long a poller may take to see a shutdown; by default ten seconds.
  builder.SetSyncServerOption(grpc::ServerBuilder::CQ_TIMEOUT_MSEC, 50);
  builder.SetMaxReceiveMessageSize(4 * 1024 * 1024 + 64 * 1024);
  builder.RegisterService(&server_->backup);
  builder.RegisterService(&server_->restore);
  builder.RegisterService(&server_->catalog);
  server_->grpc = builder.BuildAndStart();
  CHECK(server_->grpc != nullptr) << "cannot listen on " << address_;
}

void FakeIngest::Restart() {
  server_->grpc->Shutdown(std::chrono::system_clock::time_point());
  server_->grpc->Wait();
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

uint64_t FakeIngest::largest_gap_bytes() const {
  absl::MutexLock lock(&state_->mutex);
  return state_->largest_gap;
}

}  // namespace cairn::client
