#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "cairn/model/v1/model.pb.h"
#include "client/testing/grpc_test_server.h"
#include "common/model/archive.h"

namespace cairn::client {

// A whole ingest service on a unix socket, in memory: it keeps what it calls
// durable, forgets the rest when a stream breaks, and breaks streams where a
// seed tells it to. Thread-safe.
class FakeIngest {
 public:
  struct Faults {
    int write_cuts = 0;  // streams that break after fewer than
    int read_cuts = 0;   //   max_cut_bytes
    uint64_t max_cut_bytes = 4 * 1024 * 1024;
    // Once this much of an archive is durable its stream breaks, and no
    // stream and no call succeeds until faults are set anew. 0: never.
    uint64_t gone_at_durable = 0;
    int unavailable_calls = 0;  // unary calls that fail without an effect
    int lost_answers = 0;       // finishes that succeed and say UNAVAILABLE
    // FinishSession refuses so many sessions, whose base is gone, and ends
    // them.
    int gone_bases = 0;
    absl::Status open_error;  // of OpenSession
    absl::Status read_error;  // of reads, after their header
    // Bytes of an archive that are refused when they are to be reused from
    // the base, with their chunk: (offset, length) each. Of WriteRanges, when
    // they are taken from it.
    std::vector<std::pair<uint64_t, uint64_t>> refused_reuses;
    // ReadChunks sends other bytes than those of the chunk at this offset.
    std::optional<uint64_t> wrong_chunk_at;
  };

  // Durable offsets are multiples of this.
  static constexpr uint64_t kBoundaryBytes = 64 * 1024;
  // A watermark comes after this much, and after a flush.
  static constexpr uint64_t kWatermarkBytes = 512 * 1024;

  struct Archive {
    model::v1::ArchiveKind kind = model::v1::ARCHIVE_KIND_UNSPECIFIED;
    std::string content;  // holes as zeros
    // Of the content, as WriteChunks wrote it; empty: as the chunker of its
    // kind cuts it.
    std::vector<ChunkEntry> entries;
    uint64_t hole_bytes = 0;
    uint64_t durable = 0;
    bool complete = false;
  };

  // Listens on a socket of its own. Aborts the test if it cannot.
  explicit FakeIngest(uint64_t seed);
  ~FakeIngest();

  // "unix:PATH"
  const std::string& address() const { return socket_.address(); }

  void SetFaults(const Faults& faults);
  // Drops all connections and what is not durable, then serves again.
  void Restart();

  // Content of an archive of the newest published snapshot of any group.
  std::optional<Archive> Published(const std::string& archive) const;
  // Adds a published snapshot ("datastores/.../snapshots/TIME").
  void AddSnapshot(const std::string& name,
                   std::map<std::string, Archive> archives);
  // Sessions that have it as their base keep its name.
  void RemoveSnapshot(const std::string& name);
  // State of the newest session.
  model::v1::SessionState NewestSessionState() const;
  void FenceSessions();
  int cuts_made() const;
  uint64_t largest_gap_bytes() const;  // received, and not durable
  // Of WriteChunks: bytes of messages, and bytes named instead of sent.
  uint64_t chunk_message_bytes() const;
  uint64_t reused_bytes() const;
  uint64_t entry_reads() const;  // calls of ReadChunks with entries_only
  // Of WriteRanges: bytes of messages.
  uint64_t range_message_bytes() const;
  // Serves neither WriteChunks nor ReadChunks from now on.
  void ForgetChunks();
  // Does not serve WriteRanges from now on.
  void ForgetRanges();

 private:
  class Backup;
  class Restore;
  class Catalog;
  struct State;

  void Start();

  struct Server;

  GrpcTestServer socket_;
  const std::unique_ptr<State> state_;
  std::unique_ptr<Server> server_;
};

}  // namespace cairn::client
