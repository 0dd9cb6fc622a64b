#include "services/chunk_storage/engine/store_sweeper.h"

#include "common/status/status_macros.h"
#include "services/chunk_storage/engine/datastore_repository.h"

namespace cairn::chunk_storage {

absl::StatusOr<StoreState> StoreSweeper::BeginSweep(
    const Call& call, const DatastoreRef& datastore,
    const StoreSweepRequest& request) {
  ASSIGN_OR_RETURN(DatastoreRepository* const known,
                   repository_->Find(call, datastore));
  RETURN_IF_ERROR(known->sweep().Begin(request));
  return repository_->StateOf(*known);
}

absl::StatusOr<MarkSummary> StoreSweeper::PutMarks(
    const Call& call, const DatastoreRef& datastore, const MarkSetRef& set,
    MarkStream& marks) {
  ASSIGN_OR_RETURN(DatastoreRepository* const known,
                   repository_->Find(call, datastore));
  return known->sweep().PutMarks(call, set, marks);
}

absl::StatusOr<PackPage> StoreSweeper::ListPacks(const Call& call,
                                                 const DatastoreRef& datastore,
                                                 const std::optional<Uuid>& set,
                                                 uint32_t page_size,
                                                 uint32_t after) {
  ASSIGN_OR_RETURN(DatastoreRepository* const known,
                   repository_->Find(call, datastore));
  return known->sweep().ListPacks(set, page_size, after);
}

absl::StatusOr<SweptPacks> StoreSweeper::SweepPacks(
    const Call& call, const DatastoreRef& datastore,
    const SweepPacksRequest& request) {
  ASSIGN_OR_RETURN(DatastoreRepository* const known,
                   repository_->Find(call, datastore));
  return known->sweep().SweepPacks(call, request);
}

absl::Status StoreSweeper::EndSweep(const Call& call,
                                    const DatastoreRef& datastore,
                                    uint64_t token) {
  ASSIGN_OR_RETURN(DatastoreRepository* const known,
                   repository_->Find(call, datastore));
  known->sweep().End(token);
  return absl::OkStatus();
}

absl::Status StoreSweeper::DropMarks(const Call& call,
                                     const DatastoreRef& datastore,
                                     const Uuid& set) {
  ASSIGN_OR_RETURN(DatastoreRepository* const known,
                   repository_->Find(call, datastore));
  known->sweep().DropMarks(set);
  return absl::OkStatus();
}

absl::Status StoreSweeper::VerifyPacks(
    const Call& call, const DatastoreRef& datastore,
    const VerifyPacksRequest& request,
    absl::FunctionRef<void(const VerifiedPack&)> take) {
  ASSIGN_OR_RETURN(DatastoreRepository* const known,
                   repository_->Find(call, datastore));
  return known->sweep().VerifyPacks(call, request, take);
}

absl::StatusOr<DamagePage> StoreSweeper::ListDamaged(
    const Call& call, const DatastoreRef& datastore,
    const std::optional<RecordKey>& after, uint32_t page_size) {
  ASSIGN_OR_RETURN(DatastoreRepository* const known,
                   repository_->Find(call, datastore));
  return known->sweep().ListDamaged(after, page_size);
}

}  // namespace cairn::chunk_storage
