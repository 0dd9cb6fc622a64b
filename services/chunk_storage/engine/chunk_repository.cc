#include "services/chunk_storage/engine/chunk_repository.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "common/concurrency/cancellation.h"
#include "common/log/log.h"
#include "common/log/log_fields.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn::chunk_storage {

ChunkRepository::ChunkRepository(const RepositoryOptions& options,
                                 const Dependencies& dependencies,
                                 std::unique_ptr<PackStore> packs,
                                 uint64_t incarnation)
    : incarnation_(incarnation),
      database_(dependencies.database),
      packs_(std::move(packs)),
      places_(dependencies.kv),
      latch_(dependencies.fatal_errors),
      gate_(packs_.get(), dependencies.metrics, options.pack_bytes,
            options.reserve_bytes),
      random_(dependencies.random),
      context_{.options = options,
               .packs = packs_.get(),
               .places = &places_,
               .clock = dependencies.clock,
               .executor = dependencies.executor,
               .background = dependencies.background != nullptr
                                 ? dependencies.background
                                 : dependencies.executor,
               .tasks = &tasks_,
               .latch = &latch_,
               .gate = &gate_,
               .metrics = dependencies.metrics,
               .new_uuid = [this]() { return NewUuid(); }},
      tasks_(dependencies.executor) {}

ChunkRepository::~ChunkRepository() { tasks_.AwaitIdle(); }

absl::StatusOr<std::unique_ptr<ChunkRepository>> ChunkRepository::Open(
    const RepositoryOptions& options, const Dependencies& dependencies,
    std::string root, uint64_t incarnation) {
  RETURN_IF_ERROR(options.Validate());
  ASSIGN_OR_RETURN(std::unique_ptr<PackStore> packs,
                   PackStore::Open(dependencies.files, std::move(root)));
  auto repository = std::unique_ptr<ChunkRepository>(new ChunkRepository(
      options, dependencies, std::move(packs), incarnation));
  RETURN_IF_ERROR(repository->OpenDatastores());
  return repository;
}

Uuid ChunkRepository::NewUuid() {
  absl::MutexLock lock(&random_mutex_);
  return Uuid::Random(random_);
}

absl::Status ChunkRepository::OpenDatastores() {
  absl::MutexLock ensure_lock(&ensure_mutex_);
  ASSIGN_OR_RETURN(const std::vector<StoredDatastore> rows,
                   places_.ListDatastores());
  for (const StoredDatastore& row : rows) {
    next_number_ = std::max(next_number_, row.number + 1);
  }
  RETURN_IF_ERROR(CheckRows(rows));
  for (const StoredDatastore& row : rows) {
    // The directory may be lost with what was in it: reads then say so.
    RETURN_IF_ERROR(packs_->CreateDatastore(row.ref.uuid));
    ASSIGN_OR_RETURN(std::unique_ptr<DatastoreRepository> datastore,
                     DatastoreRepository::Open(&context_, row));
    absl::MutexLock lock(&mutex_);
    datastores_[row.ref.uuid] = std::move(datastore);
  }
  return absl::OkStatus();
}

absl::Status ChunkRepository::CheckRows(
    const std::vector<StoredDatastore>& rows) const {
  ASSIGN_OR_RETURN(const std::vector<Uuid> directories,
                   packs_->ListDatastores());
  absl::flat_hash_set<Uuid> known;
  for (const StoredDatastore& row : rows) known.insert(row.ref.uuid);
  for (const Uuid& directory : directories) {
    if (known.contains(directory)) continue;
    // Without packs it is what a first EnsureDatastore left that was cut short.
    const absl::StatusOr<std::vector<Uuid>> packs =
        packs_->ListPacks(directory);
    if (absl::IsNotFound(packs.status())) continue;
    RETURN_IF_ERROR(packs.status());
    if (packs->empty()) continue;
    return absl::FailedPreconditionError(absl::StrCat(
        "datastore ", directory.ToString(), " has ", packs->size(),
        " packs, and the database ", database_,
        " knows nothing of it: it is lost or another; put the right database "
        "back, or build it again from the packs with "
        "`cairn-chunk-storage rebuild --data-dir=...`, then start again"));
  }
  return absl::OkStatus();
}

DatastoreRepository* ChunkRepository::FindKnown(const Uuid& datastore) const {
  absl::ReaderMutexLock lock(&mutex_);
  const auto it = datastores_.find(datastore);
  return it == datastores_.end() ? nullptr : it->second.get();
}

absl::StatusOr<DatastoreRepository*> ChunkRepository::Find(
    const Call& call, const DatastoreRef& datastore) const {
  RETURN_IF_ERROR(latch_.Check());
  if (call.cancellation != nullptr) {
    RETURN_IF_ERROR(call.cancellation->Check());
  }
  DatastoreRepository* const known = FindKnown(datastore.uuid);
  if (known == nullptr) {
    return WithReason(absl::FailedPreconditionError(
                          absl::StrCat("datastore ", datastore.uuid.ToString(),
                                       " is not known here; ensure it first")),
                      reason::kDatastoreUnknown);
  }
  RETURN_IF_ERROR(known->state().CheckGeneration(datastore.generation));
  return known;
}

absl::StatusOr<DatastoreRepository*> ChunkRepository::FindForSession(
    const Call& call, const SessionRef& session) const {
  SetLogField("session", session.session.ToString());
  if (session.session.is_zero() || session.epoch == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("session ", session.session.ToString(), " of epoch ",
                     session.epoch, " needs an id and an epoch above 0"));
  }
  return Find(call, session.datastore);
}

StoreState ChunkRepository::StateOf(
    const DatastoreRepository& datastore) const {
  return {.incarnation = incarnation_,
          .sequence = datastore.state().sequence(),
          .token = datastore.state().row().token,
          .floor = datastore.floor(),
          .highest_epoch = datastore.state().row().highest_epoch};
}

absl::StatusOr<StoreState> ChunkRepository::EnsureDatastore(
    const Call& call, const DatastoreRef& datastore) {
  RETURN_IF_ERROR(latch_.Check());
  if (call.cancellation != nullptr) {
    RETURN_IF_ERROR(call.cancellation->Check());
  }
  if (datastore.uuid.is_zero() || datastore.generation == 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "datastore ", datastore.uuid.ToString(), " of generation ",
        datastore.generation, " needs an id and a generation above 0"));
  }
  absl::MutexLock ensure_lock(&ensure_mutex_);
  DatastoreRepository* known = FindKnown(datastore.uuid);
  if (known != nullptr) {
    RETURN_IF_ERROR(known->state().AdoptGeneration(datastore.generation));
    return StateOf(*known);
  }
  {
    absl::ReaderMutexLock lock(&mutex_);
    if (datastores_.size() >= kMaxDatastores) {
      return absl::ResourceExhaustedError(
          absl::StrCat(kMaxDatastores, " datastores exist already"));
    }
  }
  // The directory first: a row without one would be a datastore lost.
  const absl::Status created = packs_->CreateDatastore(datastore.uuid);
  if (absl::IsResourceExhausted(created)) return created;
  if (!created.ok()) return latch_.Fail(created);
  const StoredDatastore row = {.number = next_number_,
                               .ref = datastore,
                               .loss_mark = NewLossMark(context_)};
  const absl::Status saved = places_.SaveDatastore(row);
  if (absl::IsResourceExhausted(saved)) return saved;
  if (!saved.ok()) return latch_.Fail(saved);
  ++next_number_;
  ASSIGN_OR_RETURN(std::unique_ptr<DatastoreRepository> opened,
                   DatastoreRepository::Open(&context_, row));
  known = opened.get();
  absl::MutexLock lock(&mutex_);
  datastores_[datastore.uuid] = std::move(opened);
  return StateOf(*known);
}

absl::StatusOr<PinReply> ChunkRepository::Pin(const Call& call,
                                              const SessionRef& session,
                                              std::span<const RecordKey> keys) {
  ASSIGN_OR_RETURN(DatastoreRepository* const datastore,
                   FindForSession(call, session));
  PinReply reply = {.incarnation = incarnation_};
  ASSIGN_OR_RETURN(reply.present, datastore->Pin(session.epoch, keys));
  return reply;
}

absl::StatusOr<PutReply> ChunkRepository::Put(const Call& call,
                                              const SessionRef& session,
                                              std::span<const Record> records) {
  ASSIGN_OR_RETURN(DatastoreRepository* const datastore,
                   FindForSession(call, session));
  ASSIGN_OR_RETURN(PutReply reply, datastore->Put(session, records));
  reply.incarnation = incarnation_;
  return reply;
}

absl::Status ChunkRepository::Sync(const Call& call, const SessionRef& session,
                                   uint64_t incarnation) {
  ASSIGN_OR_RETURN(DatastoreRepository* const datastore,
                   FindForSession(call, session));
  if (incarnation != incarnation_) {
    return WithReason(absl::FailedPreconditionError(absl::StrCat(
                          "chunk storage has incarnation ", incarnation_,
                          ", the session knew ", incarnation,
                          "; pin again what is not durable")),
                      reason::kIncarnationChanged);
  }
  return datastore->Sync();
}

absl::StatusOr<uint64_t> ChunkRepository::Append(
    const Call& call, const DatastoreRef& datastore,
    std::span<const Record> records) {
  ASSIGN_OR_RETURN(DatastoreRepository* const known, Find(call, datastore));
  return known->Append(records);
}

absl::StatusOr<std::unique_ptr<RecordStream>> ChunkRepository::Get(
    const Call& call, const DatastoreRef& datastore,
    std::vector<RecordKey> keys) {
  ASSIGN_OR_RETURN(DatastoreRepository* const known, Find(call, datastore));
  return known->Get(std::move(keys));
}

absl::StatusOr<StoreState> ChunkRepository::ShowToken(
    const Call& call, const DatastoreRef& datastore,
    const SweepNumbers& numbers) {
  ASSIGN_OR_RETURN(DatastoreRepository* const known, Find(call, datastore));
  RETURN_IF_ERROR(known->ShowToken(numbers));
  return StateOf(*known);
}

absl::StatusOr<StoreStatistics> ChunkRepository::Statistics(
    const Call& call, const DatastoreRef& datastore) {
  ASSIGN_OR_RETURN(DatastoreRepository* const known, Find(call, datastore));
  ASSIGN_OR_RETURN(StoreStatistics statistics, known->Statistics());
  statistics.incarnation = incarnation_;
  return statistics;
}

absl::Status ChunkRepository::ShowFigures() const {
  StoreStatistics all;
  absl::ReaderMutexLock lock(&mutex_);
  for (const auto& [uuid, datastore] : datastores_) {
    ASSIGN_OR_RETURN(const StoreStatistics one, datastore->Statistics());
    all.pack_count += one.pack_count;
    all.open_pack_count += one.open_pack_count;
    all.pack_bytes += one.pack_bytes;
    all.record_count += one.record_count;
    all.record_bytes += one.record_bytes;
    all.damaged_count += one.damaged_count;
  }
  const auto show = [](Gauge& gauge, uint64_t value) {
    gauge.Set(static_cast<double>(value));
  };
  const Metrics& metrics = *context_.metrics;
  show(metrics.pack_bytes, all.pack_bytes);
  show(metrics.live_bytes, all.record_bytes);
  show(metrics.packs_open, all.open_pack_count);
  show(metrics.packs_sealed, all.pack_count - all.open_pack_count);
  show(metrics.records_live, all.record_count);
  show(metrics.records_damaged, all.damaged_count);
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> ChunkRepository::TouchOf(const Call& call,
                                                  const DatastoreRef& datastore,
                                                  const RecordKey& key) {
  ASSIGN_OR_RETURN(DatastoreRepository* const known, Find(call, datastore));
  return known->TouchOf(key);
}

absl::Status ChunkRepository::Close() {
  RETURN_IF_ERROR(latch_.Check());
  std::vector<DatastoreRepository*> datastores;
  {
    absl::ReaderMutexLock lock(&mutex_);
    for (const auto& [uuid, datastore] : datastores_) {
      datastores.push_back(datastore.get());
    }
  }
  for (DatastoreRepository* datastore : datastores) {
    RETURN_IF_ERROR(datastore->Close());
  }
  return absl::OkStatus();
}

}  // namespace cairn::chunk_storage
