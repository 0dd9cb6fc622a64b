#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/concurrency/cancellation.h"
#include "common/kv/memory_kv_store.h"
#include "services/maintenance/engine/fake_index_sweep.h"
#include "services/maintenance/engine/fake_store_sweep.h"
#include "services/maintenance/engine/fake_suite.h"
#include "services/maintenance/engine/run_control.h"
#include "services/maintenance/engine/sweep_session.h"
#include "services/maintenance/storage/sweep_store.h"

namespace cairn::maintenance {

// What a run tells, and a way to stop it.
class RecordingControl final : public RunControl {
 public:
  // Asked at each checkpoint, with the phase; an error of it is the answer.
  std::function<absl::Status(const std::string& phase)> at_checkpoint;
  std::vector<std::string> phases;
  std::map<std::string, uint64_t> counters;
  std::vector<std::string> lines;
  CancellationToken token;

  bool Logged(std::string_view part) const {
    for (const std::string& line : lines) {
      if (absl::StrContains(line, part)) return true;
    }
    return false;
  }

  absl::Status Checkpoint() override {
    if (at_checkpoint) {
      const absl::Status status =
          at_checkpoint(phases.empty() ? "" : phases.back());
      if (!status.ok()) return status;
    }
    return token.Check();
  }
  const CancellationToken* cancellation() const override { return &token; }
  void SetPhase(std::string_view phase) override { phases.emplace_back(phase); }
  void SetCounter(std::string_view name, uint64_t value) override {
    counters[std::string(name)] = value;
  }
  void Log(LogLevel, std::string text) override {
    lines.push_back(std::move(text));
  }
};

// The coordinator with everything around it in memory, and what a sweep and a
// verify ask of index and chunk_storage. For one thread only.
class FakeRunSuite : public FakeSuite {
 public:
  RunPeers Peers() {
    return {.clock = &clock,
            .executor = &executor,
            .coordinator = coordinator.get(),
            .catalog = &index,
            .fence = &index,
            .chunks = &chunks,
            .index = &index_sweep,
            .store = &store_sweep,
            .sweeps = &sweeps};
  }

  static RecordKey Chunk(int n) {
    RecordKey key;
    // The prefix is the first 8 bytes.
    key.digest.bytes[7] = static_cast<uint8_t>(n);
    key.digest.bytes[6] = static_cast<uint8_t>(n >> 8);
    return key;
  }
  static std::vector<RecordKey> Chunks(int from, int to) {
    std::vector<RecordKey> keys;
    for (int i = from; i < to; ++i) keys.push_back(Chunk(i));
    return keys;
  }
  // A listed snapshot that refers to chunks from..to.
  Snapshot AddBackup(int n, int from, int to) {
    Snapshot snapshot;
    snapshot.name = *SnapshotName::Parse(SnapshotOf(n));
    snapshot.publish_time = clock.Now();
    index.PutSnapshot(snapshot);
    index_sweep.Refer(snapshot.name, Chunks(from, to));
    return snapshot;
  }
  // Chunks from..to of `bytes` each, touched at epoch 1.
  void AddPack(uint32_t number, int from, int to, uint64_t bytes = 1 << 20) {
    for (int i = from; i < to; ++i) {
      store_sweep.Add(number, Chunk(i), {.bytes = bytes, .touch = 1});
    }
  }
  // Until `until`; now by default.
  void Trash(Snapshot snapshot, absl::Duration time = absl::ZeroDuration()) {
    snapshot.state = SnapshotState::kTrash;
    snapshot.trash_time = clock.Now();
    snapshot.trash_until = clock.Now() + time;
    index.PutSnapshot(snapshot);
  }

  FakeIndexSweep index_sweep{&clock, &index};
  FakeStoreSweep store_sweep{&clock, &chunks};
  MemoryKvStore sweep_kv{SweepStore::TableNames().size()};
  SweepStore sweeps{&sweep_kv, 0};
};

}  // namespace cairn::maintenance
