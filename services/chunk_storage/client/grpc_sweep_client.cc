#include "services/chunk_storage/client/grpc_sweep_client.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/pack/pack_format.h"
#include "common/rpc/client_call.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "common/wire/datastore.h"
#include "common/wire/mark.h"
#include "common/wire/scalars.h"
#include "services/chunk_storage/client/record_wire.h"
#include "services/chunk_storage/client/sweep_wire.h"

namespace cairn {
namespace {

namespace v1 = chunk_storage::v1;

constexpr absl::Duration kTimeout = absl::Seconds(30);
// Seals packs, which waits for the disk.
constexpr absl::Duration kBeginTimeout = absl::Minutes(10);
// Of one step. A call without a deadline would get the server's.
constexpr absl::Duration kSweepTimeout = absl::Hours(24);

// A server that does not keep to the protocol.
absl::Status BadAnswer(const absl::Status& why) {
  return absl::InternalError(
      absl::StrCat("chunk_storage answered ", why.message()));
}

}  // namespace

GrpcStoreSweepClient::GrpcStoreSweepClient(
    const std::shared_ptr<grpc::Channel>& channel, const Clock* clock)
    : stub_(v1::SweepService::NewStub(channel)), clock_(clock) {}

absl::StatusOr<StoreState> GrpcStoreSweepClient::BeginSweep(
    const Call& call, const DatastoreRef& datastore,
    const StoreSweepRequest& request) {
  ClientCall client(call, *clock_, kBeginTimeout);
  v1::BeginSweepRequest proto;
  *proto.mutable_datastore() = ToProto(datastore);
  proto.set_token(request.token);
  proto.set_cut(request.cut);
  proto.set_sequence(request.sequence);
  proto.set_index_sequence(request.index_sequence);
  v1::StoreState response;
  RETURN_IF_ERROR(
      client.Finish(stub_->BeginSweep(client.context(), proto, &response)));
  return StoreState{.incarnation = response.incarnation(),
                    .sequence = response.sequence(),
                    .token = response.token(),
                    .floor = response.floor(),
                    .highest_epoch = response.highest_epoch()};
}

absl::StatusOr<MarkSummary> GrpcStoreSweepClient::PutMarks(
    const Call& call, const DatastoreRef& datastore, const MarkSetRef& set,
    MarkStream& marks) {
  ClientCall client(call, *clock_, absl::InfiniteDuration());
  v1::MarkSummary response;
  const auto writer = stub_->PutMarks(client.context(), &response);
  v1::PutMarksRequest message;
  *message.mutable_set()->mutable_datastore() = ToProto(datastore);
  message.mutable_set()->set_id(std::string(set.id.view()));
  message.mutable_set()->set_token(set.token);
  bool open = writer->Write(message);
  while (open) {
    client.CountSent();
    absl::StatusOr<std::optional<MarkRun>> run = marks.Next();
    if (!run.ok()) {
      // Cut off without `last`, it makes no set.
      client.context()->TryCancel();
      writer->Finish();
      return run.status();
    }
    message.Clear();
    if (run->has_value()) {
      *message.mutable_run() = ToProto(**run);
    } else {
      message.set_last(true);
    }
    open = writer->Write(message);
    if (!run->has_value()) break;
  }
  if (open) writer->WritesDone();
  RETURN_IF_ERROR(client.Finish(writer->Finish()));
  absl::StatusOr<MarkSummary> summary = FromProto(response);
  if (!summary.ok()) return BadAnswer(summary.status());
  return summary;
}

absl::StatusOr<PackPage> GrpcStoreSweepClient::ListPacks(
    const Call& call, const DatastoreRef& datastore,
    const std::optional<Uuid>& set, uint32_t page_size, uint32_t after) {
  ClientCall client(call, *clock_, kTimeout);
  v1::ListPacksRequest request;
  *request.mutable_datastore() = ToProto(datastore);
  if (set.has_value()) request.set_set(std::string(set->view()));
  request.set_page_size(page_size);
  request.set_after(after);
  v1::ListPacksResponse response;
  RETURN_IF_ERROR(
      client.Finish(stub_->ListPacks(client.context(), request, &response)));
  PackPage page = {.done = response.done()};
  for (const v1::Pack& proto : response.packs()) {
    absl::StatusOr<PackInfo> pack = FromProto(proto);
    if (!pack.ok()) return BadAnswer(pack.status());
    page.packs.push_back(*std::move(pack));
  }
  return page;
}

absl::StatusOr<SweptPacks> GrpcStoreSweepClient::SweepPacks(
    const Call& call, const DatastoreRef& datastore,
    const SweepPacksRequest& request) {
  ClientCall client(call, *clock_, kSweepTimeout);
  v1::SweepPacksRequest proto = ToProto(request);
  *proto.mutable_datastore() = ToProto(datastore);
  v1::SweepPacksResponse response;
  RETURN_IF_ERROR(
      client.Finish(stub_->SweepPacks(client.context(), proto, &response)));
  return FromProto(response);
}

absl::Status GrpcStoreSweepClient::EndSweep(const Call& call,
                                            const DatastoreRef& datastore,
                                            uint64_t token) {
  ClientCall client(call, *clock_, kTimeout);
  v1::EndSweepRequest request;
  *request.mutable_datastore() = ToProto(datastore);
  request.set_token(token);
  v1::EndSweepResponse response;
  return client.Finish(stub_->EndSweep(client.context(), request, &response));
}

absl::Status GrpcStoreSweepClient::DropMarks(const Call& call,
                                             const DatastoreRef& datastore,
                                             const Uuid& set) {
  ClientCall client(call, *clock_, kTimeout);
  v1::DropMarksRequest request;
  *request.mutable_datastore() = ToProto(datastore);
  request.set_set(std::string(set.view()));
  v1::DropMarksResponse response;
  return client.Finish(stub_->DropMarks(client.context(), request, &response));
}

absl::Status GrpcStoreSweepClient::VerifyPacks(
    const Call& call, const DatastoreRef& datastore,
    const VerifyPacksRequest& request,
    absl::FunctionRef<void(const VerifiedPack&)> take) {
  ClientCall client(call, *clock_, absl::InfiniteDuration());
  v1::VerifyPacksRequest proto = ToProto(request);
  *proto.mutable_datastore() = ToProto(datastore);
  const auto reader = stub_->VerifyPacks(client.context(), proto);
  v1::VerifyPacksResponse message;
  VerifiedPack pack;
  absl::Status bad;
  while (bad.ok() && reader->Read(&message)) {
    client.CountReceived();
    for (int i = 0; i < message.damage_size() && bad.ok(); ++i) {
      absl::StatusOr<RecordDamage> damage =
          FromProto(IndexedField("damage", i), message.damage(i));
      bad = damage.status();
      if (bad.ok()) pack.damage.push_back(*std::move(damage));
    }
    if (pack.damage.size() > kMaxPackRecords) {
      bad = absl::InternalError("more damage than a pack has records");
    }
    if (!bad.ok() || message.pack() == 0) continue;
    pack.pack = message.pack();
    pack.records = {message.records(), message.stored_bytes()};
    pack.plain_bytes = message.plain_bytes();
    take(pack);
    pack = VerifiedPack();
  }
  if (!bad.ok()) client.context()->TryCancel();
  const absl::Status finished = client.Finish(reader->Finish());
  return bad.ok() ? finished : BadAnswer(bad);
}

absl::StatusOr<DamagePage> GrpcStoreSweepClient::ListDamaged(
    const Call& call, const DatastoreRef& datastore,
    const std::optional<RecordKey>& after, uint32_t page_size) {
  ClientCall client(call, *clock_, kTimeout);
  v1::ListDamagedRequest request;
  *request.mutable_datastore() = ToProto(datastore);
  if (after.has_value()) *request.mutable_after() = ToProto(*after);
  request.set_page_size(page_size);
  v1::ListDamagedResponse response;
  RETURN_IF_ERROR(
      client.Finish(stub_->ListDamaged(client.context(), request, &response)));
  DamagePage page = {.done = response.done()};
  for (int i = 0; i < response.damage_size(); ++i) {
    absl::StatusOr<RecordDamage> damage =
        FromProto(IndexedField("damage", i), response.damage(i));
    if (!damage.ok()) return BadAnswer(damage.status());
    page.damage.push_back(*std::move(damage));
  }
  return page;
}

}  // namespace cairn
