#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "common/model/call.h"
#include "common/model/names.h"
#include "tests/simulator/content.h"
#include "tests/simulator/ingest_process.h"
#include "tests/simulator/ledger.h"

namespace cairn::simulator {

// One stream of an archive, as ingest serves it: frames come one after the
// other, each after some time.
struct Transmission {
  SessionName session;
  std::string archive;
  uint64_t from = 0;
  bool is_begun = false;  // the archive is cut as it was begun
  Word word;
  // Written as the changes of this archive, if set.
  std::optional<SnapshotName> base;
  Word base_word;
  // Where what is told durable is noted.
  Ledger::Backup* backup = nullptr;
};

// In a task of `ingest`, while it lives.
absl::Status Transmit(IngestProcess& ingest, const Call& call,
                      const Transmission& what);

}  // namespace cairn::simulator
