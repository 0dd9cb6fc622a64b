#include "services/index/client/grpc_sweep_client.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/rpc/client_call.h"
#include "common/status/status_macros.h"
#include "common/wire/datastore.h"
#include "common/wire/mark.h"
#include "services/index/client/sweep_wire.h"
#include "services/index/domain/raw_record.h"

namespace cairn {
namespace {

namespace v1 = index::v1;

// Of calls that write many rows, or look at many.
constexpr absl::Duration kTimeout = absl::Minutes(10);

absl::Status BadAnswer(std::string_view why) {
  return absl::InternalError(absl::StrCat("answer of index: ", why));
}

template <typename T>
absl::StatusOr<T> Answer(absl::StatusOr<T> decoded) {
  if (!decoded.ok()) return BadAnswer(decoded.status().message());
  return decoded;
}

// The marks of one call, after its progress.
class GrpcMarkStream final : public MarkStream {
 public:
  GrpcMarkStream(v1::SweepService::Stub& stub, const Call& call,
                 const Clock& clock, const v1::MarkRequest& request)
      : client_(call, clock, absl::InfiniteDuration()),
        reader_(stub.Mark(client_.context(), request)) {}
  ~GrpcMarkStream() override {
    if (finished_) return;
    client_.context()->TryCancel();
    reader_->Finish();
  }

  // Until the first run is here, or the end.
  absl::Status AwaitMarks(MarkProgressSink progress) {
    while (true) {
      ASSIGN_OR_RETURN(const bool more, Read());
      if (!more) return absl::OkStatus();
      if (message_.has_progress()) {
        progress(index::FromProto(message_.progress()));
      }
      if (message_.has_run()) return absl::OkStatus();
    }
  }

  absl::StatusOr<std::optional<MarkRun>> Next() override {
    RETURN_IF_ERROR(error_);
    absl::StatusOr<std::optional<MarkRun>> run = TakeRun();
    error_ = run.status();
    return run;
  }

 private:
  // False at the end, if that was with OK.
  absl::StatusOr<bool> Read() {
    if (finished_) return false;
    message_.Clear();
    if (reader_->Read(&message_)) {
      client_.CountReceived();
      return true;
    }
    finished_ = true;
    RETURN_IF_ERROR(client_.Finish(reader_->Finish()));
    message_.Clear();
    return false;
  }

  absl::StatusOr<std::optional<MarkRun>> TakeRun() {
    while (!message_.has_run()) {
      ASSIGN_OR_RETURN(const bool more, Read());
      if (!more) return std::nullopt;
    }
    ASSIGN_OR_RETURN(MarkRun run, Answer(FromProto("run", message_.run())));
    message_.Clear();
    return run;
  }

  ClientCall client_;
  const std::unique_ptr<grpc::ClientReader<v1::MarkResponse>> reader_;
  v1::MarkResponse message_;  // a run of it has not been taken
  bool finished_ = false;
  absl::Status error_;
};

absl::StatusOr<std::unique_ptr<MarkStream>> OpenMarks(
    v1::SweepService::Stub& stub, const Call& call, const Clock& clock,
    const v1::MarkRequest& request, MarkProgressSink progress) {
  auto stream = std::make_unique<GrpcMarkStream>(stub, call, clock, request);
  RETURN_IF_ERROR(stream->AwaitMarks(progress));
  return stream;
}

}  // namespace

GrpcIndexSweepClient::GrpcIndexSweepClient(
    const std::shared_ptr<grpc::Channel>& channel, const Clock* clock)
    : stub_(v1::SweepService::NewStub(channel)), clock_(clock) {}

absl::StatusOr<IndexSweep> GrpcIndexSweepClient::BeginSweep(
    const Call& call, const DatastoreRef& datastore,
    const IndexSweepRequest& sweep) {
  v1::BeginSweepRequest request;
  *request.mutable_datastore() = ToProto(datastore);
  request.set_token(sweep.token);
  request.set_cut(sweep.cut);
  request.set_confirm_clock(sweep.confirm_clock);
  request.set_validate_only(sweep.validate_only);
  ClientCall client(call, *clock_, kTimeout);
  v1::BeginSweepResponse response;
  RETURN_IF_ERROR(
      client.Finish(stub_->BeginSweep(client.context(), request, &response)));
  return Answer(index::FromProto(response));
}

absl::StatusOr<GoneEvents> GrpcIndexSweepClient::ListGoneEvents(
    const Call& call, const DatastoreRef& datastore, uint64_t token,
    uint64_t after_sequence) {
  v1::ListGoneEventsRequest request;
  *request.mutable_datastore() = ToProto(datastore);
  request.set_token(token);
  request.set_after_sequence(after_sequence);
  ClientCall client(call, *clock_, kTimeout);
  v1::ListGoneEventsResponse response;
  RETURN_IF_ERROR(client.Finish(
      stub_->ListGoneEvents(client.context(), request, &response)));
  GoneEvents gone{.events = {}, .done = response.done()};
  for (v1::ListGoneEventsResponse::Event& event : *response.mutable_events()) {
    gone.events.push_back(
        index::MakeRawRecord(RecordKind::kEvent, event.sequence(),
                             std::move(*event.mutable_payload())));
  }
  return gone;
}

absl::StatusOr<std::unique_ptr<MarkStream>> GrpcIndexSweepClient::MarkSweep(
    const Call& call, const DatastoreRef& datastore, uint64_t token,
    const std::vector<std::string>& leased_snapshots,
    MarkProgressSink progress) {
  v1::MarkRequest request;
  *request.mutable_datastore() = ToProto(datastore);
  request.mutable_sweep()->set_token(token);
  for (const std::string& name : leased_snapshots) {
    request.mutable_sweep()->add_leased_snapshots(name);
  }
  return OpenMarks(*stub_, call, *clock_, request, progress);
}

absl::StatusOr<std::unique_ptr<MarkStream>> GrpcIndexSweepClient::MarkScope(
    const Call& call, const DatastoreRef& datastore, const SnapshotScope& scope,
    MarkProgressSink progress) {
  v1::MarkRequest request;
  *request.mutable_datastore() = ToProto(datastore);
  *request.mutable_scope() = index::ToProto(scope);
  return OpenMarks(*stub_, call, *clock_, request, progress);
}

absl::StatusOr<DroppedPages> GrpcIndexSweepClient::DropPages(
    const Call& call, const DatastoreRef& datastore, uint64_t token,
    uint32_t max_pages, bool dry_run) {
  v1::DropPagesRequest request;
  *request.mutable_datastore() = ToProto(datastore);
  request.set_token(token);
  request.set_max_pages(max_pages);
  request.set_dry_run(dry_run);
  ClientCall client(call, *clock_, kTimeout);
  v1::DropPagesResponse response;
  RETURN_IF_ERROR(
      client.Finish(stub_->DropPages(client.context(), request, &response)));
  return index::FromProto(response);
}

absl::StatusOr<EndedSweep> GrpcIndexSweepClient::EndSweep(
    const Call& call, const DatastoreRef& datastore, uint64_t token,
    bool remove_gone) {
  v1::EndSweepRequest request;
  *request.mutable_datastore() = ToProto(datastore);
  request.set_token(token);
  request.set_remove_gone(remove_gone);
  ClientCall client(call, *clock_, kTimeout);
  v1::EndSweepResponse response;
  RETURN_IF_ERROR(
      client.Finish(stub_->EndSweep(client.context(), request, &response)));
  return index::FromProto(response);
}

absl::Status GrpcIndexSweepClient::FindReferences(
    const Call& call, const DatastoreRef& datastore, const SnapshotScope& scope,
    const std::vector<MarkRun>& records, uint32_t max_ranges,
    absl::FunctionRef<void(const DamagedSnapshot&)> take) {
  v1::FindReferencesRequest request;
  *request.mutable_datastore() = ToProto(datastore);
  *request.mutable_scope() = index::ToProto(scope);
  for (const MarkRun& run : records) *request.add_records() = ToProto(run);
  request.set_max_ranges(max_ranges);
  ClientCall client(call, *clock_, absl::InfiniteDuration());
  const auto reader = stub_->FindReferences(client.context(), request);
  v1::FindReferencesResponse response;
  absl::Status answer;
  while (reader->Read(&response)) {
    client.CountReceived();
    const auto damaged = Answer(index::FromProto(response));
    if (damaged.ok()) {
      take(*damaged);
    } else if (answer.ok()) {
      answer = damaged.status();
      client.context()->TryCancel();
    }
  }
  const absl::Status finished = client.Finish(reader->Finish());
  return answer.ok() ? finished : answer;
}

absl::Status GrpcIndexSweepClient::SaveVerifications(
    const Call& call, const DatastoreRef& datastore,
    const std::vector<SnapshotVerification>& verifications) {
  v1::SaveVerificationsRequest request;
  *request.mutable_datastore() = ToProto(datastore);
  for (const SnapshotVerification& one : verifications) {
    *request.add_verifications() = index::ToProto(one);
  }
  ClientCall client(call, *clock_, kTimeout);
  v1::SaveVerificationsResponse response;
  return client.Finish(
      stub_->SaveVerifications(client.context(), request, &response));
}

}  // namespace cairn
