#include "tests/simulator/remote_store.h"

#include <utility>

#include "common/status/status_macros.h"

namespace cairn::simulator {
namespace {

// Marks that have arrived, up to the error that ended them, if any.
class ArrivedMarks final : public MarkStream {
 public:
  ArrivedMarks(std::vector<MarkRun> runs, absl::Status end)
      : runs_(std::move(runs)), end_(std::move(end)) {}

  absl::StatusOr<std::optional<MarkRun>> Next() override {
    if (next_ < runs_.size()) return std::optional<MarkRun>(runs_[next_++]);
    if (!end_.ok()) return end_;
    return std::nullopt;
  }

 private:
  const std::vector<MarkRun> runs_;
  const absl::Status end_;
  size_t next_ = 0;
};

}  // namespace

absl::StatusOr<StoreState> RemoteChunks::EnsureDatastore(
    const Call& call, const DatastoreRef& datastore) {
  return Ask<absl::StatusOr<StoreState>>(
      "EnsureDatastore", call, [to = to_, datastore](const Call& own) {
        return to->chunks().EnsureDatastore(own, datastore);
      });
}

absl::StatusOr<PutReply> RemoteChunks::Put(const Call& call,
                                           const SessionRef& session,
                                           std::vector<Record> records) {
  return Ask<absl::StatusOr<PutReply>>(
      "Put", call, [to = to_, session, records](const Call& own) {
        return to->chunks().Put(own, session, records);
      });
}

absl::Status RemoteChunks::Sync(const Call& call, const SessionRef& session,
                                uint64_t incarnation) {
  return Ask<absl::Status>(
      "Sync", call, [to = to_, session, incarnation](const Call& own) {
        return to->chunks().Sync(own, session, incarnation);
      });
}

absl::StatusOr<uint64_t> RemoteChunks::Append(const Call& call,
                                              const DatastoreRef& datastore,
                                              std::vector<Record> records) {
  return Ask<absl::StatusOr<uint64_t>>(
      "Append", call, [to = to_, datastore, records](const Call& own) {
        return to->chunks().Append(own, datastore, records);
      });
}

absl::StatusOr<StoreState> RemoteChunks::ShowToken(
    const Call& call, const DatastoreRef& datastore,
    const SweepNumbers& numbers) {
  return Ask<absl::StatusOr<StoreState>>(
      "ShowToken", call, [to = to_, datastore, numbers](const Call& own) {
        return to->chunks().ShowToken(own, datastore, numbers);
      });
}

absl::StatusOr<StoreStatistics> RemoteChunks::Statistics(
    const Call& call, const DatastoreRef& datastore) {
  return Ask<absl::StatusOr<StoreStatistics>>(
      "Statistics", call, [to = to_, datastore](const Call& own) {
        return to->chunks().Statistics(own, datastore);
      });
}

absl::StatusOr<PinReply> RemoteChunks::Pin(const Call& call,
                                           const SessionRef& session,
                                           std::span<const RecordKey> keys) {
  return Ask<absl::StatusOr<PinReply>>(
      "Pin", call,
      [to = to_, session,
       copy = std::vector<RecordKey>(keys.begin(), keys.end())](
          const Call& own) { return to->chunks().Pin(own, session, copy); });
}

absl::StatusOr<std::unique_ptr<RecordStream>> RemoteChunks::Get(
    const Call& call, const DatastoreRef& datastore,
    std::vector<RecordKey> keys) {
  ASSIGN_OR_RETURN(
      const uint64_t stream,
      Ask<absl::StatusOr<uint64_t>>(
          "Get", call, [to = to_, datastore, keys](const Call& own) {
            return to->streams().Add(own, [&](const Call& kept) {
              return to->chunks().Get(kept, datastore, keys);
            });
          }));
  return std::make_unique<RemoteStream<RecordStream, StoreProcess>>(
      network_, from_, to_, &to_->streams(), call, stream);
}

absl::StatusOr<StoreState> RemoteStoreSweeps::BeginSweep(
    const Call& call, const DatastoreRef& datastore,
    const StoreSweepRequest& request) {
  return Ask<absl::StatusOr<StoreState>>(
      "BeginSweep", call, [to = to_, datastore, request](const Call& own) {
        auto begun = to->sweeps().BeginSweep(own, datastore, request);
        if (begun.ok()) to->watch().NoteShown(request.token);
        return begun;
      });
}

absl::StatusOr<PackPage> RemoteStoreSweeps::ListPacks(
    const Call& call, const DatastoreRef& datastore,
    const std::optional<Uuid>& set, uint32_t page_size, uint32_t after) {
  return Ask<absl::StatusOr<PackPage>>(
      "ListPacks", call,
      [to = to_, datastore, set, page_size, after](const Call& own) {
        return to->sweeps().ListPacks(own, datastore, set, page_size, after);
      });
}

absl::StatusOr<SweptPacks> RemoteStoreSweeps::SweepPacks(
    const Call& call, const DatastoreRef& datastore,
    const SweepPacksRequest& request) {
  return Ask<absl::StatusOr<SweptPacks>>(
      "SweepPacks", call, [to = to_, datastore, request](const Call& own) {
        const SweepWatch::Work work(&to->watch(), request.token);
        return to->sweeps().SweepPacks(own, datastore, request);
      });
}

absl::Status RemoteStoreSweeps::EndSweep(const Call& call,
                                         const DatastoreRef& datastore,
                                         uint64_t token) {
  return Ask<absl::Status>(
      "EndSweep", call, [to = to_, datastore, token](const Call& own) {
        return to->sweeps().EndSweep(own, datastore, token);
      });
}

absl::Status RemoteStoreSweeps::DropMarks(const Call& call,
                                          const DatastoreRef& datastore,
                                          const Uuid& set) {
  return Ask<absl::Status>("DropMarks", call,
                           [to = to_, datastore, set](const Call& own) {
                             return to->sweeps().DropMarks(own, datastore, set);
                           });
}

absl::StatusOr<DamagePage> RemoteStoreSweeps::ListDamaged(
    const Call& call, const DatastoreRef& datastore,
    const std::optional<RecordKey>& after, uint32_t page_size) {
  return Ask<absl::StatusOr<DamagePage>>(
      "ListDamaged", call,
      [to = to_, datastore, after, page_size](const Call& own) {
        return to->sweeps().ListDamaged(own, datastore, after, page_size);
      });
}

absl::StatusOr<MarkSummary> RemoteStoreSweeps::PutMarks(
    const Call& call, const DatastoreRef& datastore, const MarkSetRef& set,
    MarkStream& marks) {
  std::vector<MarkRun> runs;
  absl::Status end;
  for (;;) {
    absl::StatusOr<std::optional<MarkRun>> run = marks.Next();
    end = run.status();
    if (!run.ok() || !run->has_value()) break;
    runs.push_back(**std::move(run));
  }
  return Ask<absl::StatusOr<MarkSummary>>(
      "PutMarks", call,
      [to = to_, datastore, set, runs = std::move(runs), end](const Call& own) {
        ArrivedMarks arrived(runs, end);
        return to->sweeps().PutMarks(own, datastore, set, arrived);
      });
}

absl::Status RemoteStoreSweeps::VerifyPacks(
    const Call& call, const DatastoreRef& datastore,
    const VerifyPacksRequest& request,
    absl::FunctionRef<void(const VerifiedPack&)> take) {
  using Verified = absl::StatusOr<std::vector<VerifiedPack>>;
  const Verified verified = Ask<Verified>(
      "VerifyPacks", call,
      [to = to_, datastore, request](const Call& own) -> Verified {
        std::vector<VerifiedPack> packs;
        const absl::Status status = to->sweeps().VerifyPacks(
            own, datastore, request,
            [&](const VerifiedPack& pack) { packs.push_back(pack); });
        if (!status.ok()) return status;
        return packs;
      });
  if (!verified.ok()) return verified.status();
  for (const VerifiedPack& pack : *verified) take(pack);
  return absl::OkStatus();
}

}  // namespace cairn::simulator
