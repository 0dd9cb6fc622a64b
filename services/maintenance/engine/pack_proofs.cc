#include "services/maintenance/engine/pack_proofs.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"

namespace cairn::maintenance {
namespace {

constexpr uint32_t kPackPage = 10'000;
// 256 TiB in packs of the default size.
constexpr size_t kMaxPacks = 1'000'000;

}  // namespace

absl::Status VisitPacks(StoreSweepClient* store, const DatastoreRef& datastore,
                        const std::optional<Uuid>& set,
                        absl::FunctionRef<absl::StatusOr<Call>()> next_call,
                        absl::FunctionRef<void(const PackInfo&)> visit) {
  uint32_t after = 0;
  size_t visited = 0;
  for (;;) {
    ASSIGN_OR_RETURN(const Call call, next_call());
    ASSIGN_OR_RETURN(const PackPage page,
                     store->ListPacks(call, datastore, set, kPackPage, after));
    for (const PackInfo& pack : page.packs) visit(pack);
    visited += page.packs.size();
    if (page.done || page.packs.empty()) return absl::OkStatus();
    after = page.packs.back().number;
    if (visited > kMaxPacks) {
      return absl::ResourceExhaustedError(
          absl::StrCat("datastore ", datastore.uuid.ToString(),
                       " has more than ", kMaxPacks, " packs"));
    }
  }
}

PackProof ProofOf(const PackInfo& pack, bool light) {
  PackProof proof{.number = pack.number,
                  .file_bytes = pack.file_bytes,
                  .marked_records = pack.kept.records,
                  .marked_bytes = pack.kept.bytes,
                  .proof_time = pack.proof_time};
  if (light && pack.presence_time.has_value()) {
    proof.proof_time = std::max(pack.proof_time.value_or(absl::InfinitePast()),
                                *pack.presence_time);
  }
  return proof;
}

absl::StatusOr<VerifyDebt> ReadVerifyDebt(const Call& call,
                                          const RunPeers& peers,
                                          const std::string& datastore) {
  ASSIGN_OR_RETURN(const Datastore known,
                   peers.catalog->GetDatastore(call, datastore));
  std::vector<PackProof> packs;
  RETURN_IF_ERROR(VisitPacks(
      peers.store, known.ref, std::nullopt,
      [&call]() -> absl::StatusOr<Call> { return call; },
      [&packs](const PackInfo& pack) {
        packs.push_back(ProofOf(pack, /*light=*/false));
      }));
  return CountDebt(packs, peers.clock->Now());
}

}  // namespace cairn::maintenance
