#include "services/chunk_storage/rpc/sweep_service.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/concurrency/cancellation.h"
#include "common/model/call.h"
#include "common/model/mark.h"
#include "common/status/status_macros.h"
#include "common/wire/datastore.h"
#include "common/wire/mark.h"
#include "common/wire/scalars.h"
#include "services/chunk_storage/client/record_wire.h"
#include "services/chunk_storage/client/sweep_client.h"
#include "services/chunk_storage/client/sweep_wire.h"

namespace cairn::chunk_storage {
namespace {

constexpr uint32_t kDefaultPageSize = 1000;

uint32_t PageSizeOf(uint32_t page_size) {
  return page_size == 0 ? kDefaultPageSize : page_size;
}

absl::StatusOr<std::optional<Uuid>> OptionalSet(const std::string& bytes) {
  if (bytes.empty()) return std::nullopt;
  ASSIGN_OR_RETURN(const Uuid set, UuidFromProto("set", bytes));
  return std::optional<Uuid>(set);
}

// The runs of a stream, which is whole only if it ends with `last`.
class ReceivedMarks final : public MarkStream {
 public:
  // Both outlive the stream.
  ReceivedMarks(const Call& call, MessageReader<v1::PutMarksRequest>& reader)
      : call_(call), reader_(reader) {}

  absl::StatusOr<std::optional<MarkRun>> Next() override {
    v1::PutMarksRequest message;
    if (last_) return std::nullopt;
    if (!reader_.Read(&message)) {
      if (call_.cancellation != nullptr) {
        RETURN_IF_ERROR(call_.cancellation->Check());
      }
      return absl::InvalidArgumentError("the marks end without `last`");
    }
    last_ = message.last();
    if (!message.has_run()) {
      if (last_) return std::nullopt;
      return absl::InvalidArgumentError(
          "a message has neither a run of marks nor `last`");
    }
    ASSIGN_OR_RETURN(MarkRun run, FromProto("run", message.run()));
    return std::optional<MarkRun>(std::move(run));
  }

 private:
  const Call& call_;
  MessageReader<v1::PutMarksRequest>& reader_;
  bool last_ = false;
};

absl::Status TakeMarks(StoreSweeper& sweeper, const Call& call,
                       MessageReader<v1::PutMarksRequest>& reader,
                       v1::MarkSummary& response) {
  v1::PutMarksRequest first;
  if (!reader.Read(&first) || !first.has_set() || first.has_run() ||
      first.last()) {
    if (call.cancellation != nullptr) {
      RETURN_IF_ERROR(call.cancellation->Check());
    }
    return absl::InvalidArgumentError(
        "the first message carries `set` and nothing else");
  }
  ASSIGN_OR_RETURN(const DatastoreRef datastore,
                   FromProto(first.set().datastore()));
  MarkSetRef set = {.token = first.set().token()};
  ASSIGN_OR_RETURN(set.id, UuidFromProto("set.id", first.set().id()));
  ReceivedMarks marks(call, reader);
  ASSIGN_OR_RETURN(const MarkSummary summary,
                   sweeper.PutMarks(call, datastore, set, marks));
  response = ToProto(summary);
  return absl::OkStatus();
}

absl::Status SendVerified(StoreSweeper& sweeper, const Call& call,
                          const v1::VerifyPacksRequest& proto,
                          MessageWriter<v1::VerifyPacksResponse>& writer) {
  ASSIGN_OR_RETURN(const DatastoreRef datastore, FromProto(proto.datastore()));
  ASSIGN_OR_RETURN(const VerifyPacksRequest request, FromProto(proto));
  // A reader that is gone has cancelled the call, which ends the verify.
  return sweeper.VerifyPacks(call, datastore, request,
                             [&](const VerifiedPack& pack) {
                               for (auto& message : ToProtos(pack)) {
                                 writer.Write(std::move(message));
                               }
                             });
}

}  // namespace

std::vector<AuthorizationRow> SweepServiceImpl::Authorization() {
  const std::string service = "cairn.chunk_storage.v1.SweepService/";
  return {
      {service + "BeginSweep", kMaintenanceCalls, DrainRule::kRefuse},
      {service + "PutMarks", kMaintenanceCalls, DrainRule::kRefuse},
      {service + "ListPacks", kMaintenanceCalls},
      {service + "SweepPacks", kMaintenanceCalls, DrainRule::kRefuse},
      {service + "EndSweep", kMaintenanceCalls},
      {service + "DropMarks", kMaintenanceCalls},
      {service + "VerifyPacks", kMaintenanceCalls, DrainRule::kEnd},
      {service + "ListDamaged", kMaintenanceCalls},
  };
}

grpc::ServerUnaryReactor* SweepServiceImpl::BeginSweep(
    grpc::CallbackServerContext* context, const v1::BeginSweepRequest* request,
    v1::StoreState* response) {
  return dispatcher_->Serve(
      context, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(const DatastoreRef datastore,
                         FromProto(request->datastore()));
        ASSIGN_OR_RETURN(const StoreState state,
                         sweeper_->BeginSweep(
                             call, datastore,
                             {.token = request->token(),
                              .cut = request->cut(),
                              .sequence = request->sequence(),
                              .index_sequence = request->index_sequence()}));
        response->set_incarnation(state.incarnation);
        response->set_sequence(state.sequence);
        response->set_token(state.token);
        response->set_floor(state.floor);
        response->set_highest_epoch(state.highest_epoch);
        return absl::OkStatus();
      });
}

grpc::ServerReadReactor<v1::PutMarksRequest>* SweepServiceImpl::PutMarks(
    grpc::CallbackServerContext* context, v1::MarkSummary* response) {
  return dispatcher_->ServeClientStream<v1::PutMarksRequest>(
      context,
      [=, this](const Call& call, MessageReader<v1::PutMarksRequest>& reader) {
        return TakeMarks(*sweeper_, call, reader, *response);
      });
}

grpc::ServerUnaryReactor* SweepServiceImpl::ListPacks(
    grpc::CallbackServerContext* context, const v1::ListPacksRequest* request,
    v1::ListPacksResponse* response) {
  return dispatcher_->Serve(
      context, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(const DatastoreRef datastore,
                         FromProto(request->datastore()));
        ASSIGN_OR_RETURN(const std::optional<Uuid> set,
                         OptionalSet(request->set()));
        ASSIGN_OR_RETURN(const PackPage page,
                         sweeper_->ListPacks(call, datastore, set,
                                             PageSizeOf(request->page_size()),
                                             request->after()));
        for (const PackInfo& pack : page.packs) {
          *response->add_packs() = ToProto(pack);
        }
        response->set_done(page.done);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* SweepServiceImpl::SweepPacks(
    grpc::CallbackServerContext* context, const v1::SweepPacksRequest* request,
    v1::SweepPacksResponse* response) {
  return dispatcher_->Serve(
      context, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(const DatastoreRef datastore,
                         FromProto(request->datastore()));
        ASSIGN_OR_RETURN(const SweepPacksRequest packs, FromProto(*request));
        ASSIGN_OR_RETURN(const SweptPacks swept,
                         sweeper_->SweepPacks(call, datastore, packs));
        *response = ToProto(swept);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* SweepServiceImpl::EndSweep(
    grpc::CallbackServerContext* context, const v1::EndSweepRequest* request,
    v1::EndSweepResponse*) {
  return dispatcher_->Serve(
      context, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(const DatastoreRef datastore,
                         FromProto(request->datastore()));
        return sweeper_->EndSweep(call, datastore, request->token());
      });
}

grpc::ServerUnaryReactor* SweepServiceImpl::DropMarks(
    grpc::CallbackServerContext* context, const v1::DropMarksRequest* request,
    v1::DropMarksResponse*) {
  return dispatcher_->Serve(
      context, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(const DatastoreRef datastore,
                         FromProto(request->datastore()));
        ASSIGN_OR_RETURN(const Uuid set, UuidFromProto("set", request->set()));
        return sweeper_->DropMarks(call, datastore, set);
      });
}

grpc::ServerWriteReactor<v1::VerifyPacksResponse>*
SweepServiceImpl::VerifyPacks(grpc::CallbackServerContext* context,
                              const v1::VerifyPacksRequest* request) {
  return dispatcher_->ServeServerStream<v1::VerifyPacksResponse>(
      context, [=, this](const Call& call,
                         MessageWriter<v1::VerifyPacksResponse>& writer) {
        return SendVerified(*sweeper_, call, *request, writer);
      });
}

grpc::ServerUnaryReactor* SweepServiceImpl::ListDamaged(
    grpc::CallbackServerContext* context, const v1::ListDamagedRequest* request,
    v1::ListDamagedResponse* response) {
  return dispatcher_->Serve(
      context, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(const DatastoreRef datastore,
                         FromProto(request->datastore()));
        std::optional<RecordKey> after;
        if (request->has_after()) {
          ASSIGN_OR_RETURN(after, FromProto("after", request->after()));
        }
        ASSIGN_OR_RETURN(
            const DamagePage page,
            sweeper_->ListDamaged(call, datastore, after,
                                  PageSizeOf(request->page_size())));
        for (const RecordDamage& damage : page.damage) {
          *response->add_damage() = ToProto(damage);
        }
        response->set_done(page.done);
        return absl::OkStatus();
      });
}

}  // namespace cairn::chunk_storage
