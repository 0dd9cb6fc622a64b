#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/time/clock.h"
#include "services/chunk_storage/client/sweep_client.h"
#include "services/maintenance/engine/fake_chunk_store.h"

namespace cairn::maintenance {

// The packs of one datastore in memory and the part of chunk_storage in a
// sweep and a verify, by the rules of the real one. For one thread only.
class FakeStoreSweep final : public StoreSweepClient {
 public:
  struct Stored {
    uint64_t bytes = 0;
    uint64_t touch = 0;
    bool rotten = false;  // a deep verify or a copy finds it
    bool bad = false;     // it was found
  };
  // Runs before each call, with the method's name; an error of it is the
  // answer.
  using Hook = std::function<absl::Status(std::string_view method)>;

  // `chunks` says token, floor and sequence. Both outlive this.
  FakeStoreSweep(const Clock* clock, FakeChunkStore* chunks)
      : clock_(clock), chunks_(chunks) {}

  void SetHook(Hook hook) { hook_ = std::move(hook); }
  // A restart: sweeps and mark sets are lost.
  void Restart();
  // Into the pack, which is sealed with it.
  void Add(uint32_t pack, const RecordKey& key, const Stored& stored);
  bool Has(const RecordKey& key) const;
  Stored& Find(const RecordKey& key);
  uint64_t pack_bytes() const;
  size_t pack_count() const { return packs_.size(); }
  size_t set_count() const { return sets_.size(); }
  bool in_sweep() const { return token_ != 0; }
  const std::vector<std::vector<uint32_t>>& verified() const {
    return verified_;
  }
  // Copies are refused, as by a full disk.
  void SetFull(bool full) { full_ = full; }

  absl::StatusOr<StoreState> BeginSweep(
      const Call& call, const DatastoreRef& datastore,
      const StoreSweepRequest& request) override;
  absl::StatusOr<MarkSummary> PutMarks(const Call& call,
                                       const DatastoreRef& datastore,
                                       const MarkSetRef& set,
                                       MarkStream& marks) override;
  absl::StatusOr<PackPage> ListPacks(const Call& call,
                                     const DatastoreRef& datastore,
                                     const std::optional<Uuid>& set,
                                     uint32_t page_size,
                                     uint32_t after) override;
  absl::StatusOr<SweptPacks> SweepPacks(
      const Call& call, const DatastoreRef& datastore,
      const SweepPacksRequest& request) override;
  absl::Status EndSweep(const Call& call, const DatastoreRef& datastore,
                        uint64_t token) override;
  absl::Status DropMarks(const Call& call, const DatastoreRef& datastore,
                         const Uuid& set) override;
  absl::Status VerifyPacks(
      const Call& call, const DatastoreRef& datastore,
      const VerifyPacksRequest& request,
      absl::FunctionRef<void(const VerifiedPack&)> take) override;
  absl::StatusOr<DamagePage> ListDamaged(const Call& call,
                                         const DatastoreRef& datastore,
                                         const std::optional<RecordKey>& after,
                                         uint32_t page_size) override;

 private:
  struct Pack {
    std::map<RecordKey, Stored> records;
    std::optional<absl::Time> proof_time;
  };
  using MarkKey = std::pair<RecordKind, uint64_t>;
  using Marks = std::map<MarkKey, MarkHolder>;

  absl::Status Enter(const Call& call, std::string_view method);
  bool Stays(const RecordKey& key, const Stored& stored, const Marks& marks,
             bool swept) const;
  absl::Status CompactInto(Pack& target, uint32_t number, const Marks& marks,
                           SweptPacks& swept);

  const Clock* const clock_;
  FakeChunkStore* const chunks_;
  Hook hook_;
  std::map<uint32_t, Pack> packs_;
  std::map<Uuid, Marks> sets_;
  uint64_t token_ = 0;  // of the sweep; 0: none
  uint64_t cut_ = 0;
  bool full_ = false;
  std::vector<std::vector<uint32_t>> verified_;
};

}  // namespace cairn::maintenance
