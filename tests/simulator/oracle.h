#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "common/model/catalog.h"
#include "common/model/record.h"
#include "tests/simulator/cluster.h"

namespace cairn::simulator {

// Looks into the engines from outside, between two steps, and says what is
// wrong (README.md, "What is checked").
class Oracle {
 public:
  explicit Oracle(Cluster* cluster) : cluster_(cluster) {}

  // Everything that holds at any time, of services that are up.
  void Check();
  // After a quiet sweep with nothing in trash and nobody at work: exactly what
  // the listed snapshots need has a place.
  void CheckNoGarbage();
  uint64_t checks() const { return checks_; }

 private:
  // What was seen of a service's numbers; none of them may ever shrink.
  struct Numbers {
    uint64_t fence = 0;
    uint64_t epoch = 0;
    uint64_t index_token = 0;
    uint64_t sequence = 0;
    uint64_t store_token = 0;
    uint64_t coordinator_epoch = 0;
    uint64_t coordinator_token = 0;
  };

  void CheckNumbers();
  void NeverLess(const char* what, uint64_t value, uint64_t& seen);
  void CheckLists();
  void CheckListed(const Snapshot& snapshot);
  // The archive is what was backed up, in other chunks than blocks: those of
  // the default chunker, if its base was gone when it was begun. Notes what
  // must be stored then.
  bool IsCutOtherwise(const Snapshot& snapshot, const Archive& archive,
                      Ledger::Backup& backup);
  // S2.
  void CheckHeld();
  // That index has all pages of the archives, and the store all records.
  void CheckRecords(const char* rule, const Ledger::Backup& backup);
  void Fail(const std::string& why) { cluster_->verdict().Fail(why); }

  std::set<RecordKey> FindNeeded();
  // Every record that proves in a pack file, whatever the rows say.
  std::set<RecordKey> ScanPacks();
  void CheckPageRows(const std::set<RecordKey>& needed);

  Cluster* const cluster_;
  Numbers seen_;
  DatastoreRef datastore_;
  std::set<Uuid> found_;  // by the last look
  uint64_t checks_ = 0;
};

}  // namespace cairn::simulator
