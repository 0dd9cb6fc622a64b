#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/concurrency/cancellation.h"
#include "common/concurrency/thread_pool_executor.h"
#include "common/metrics/metric_registry.h"
#include "common/model/call.h"
#include "common/testing/fake_clock.h"
#include "services/chunk_storage/client/fake_chunk_client.h"
#include "services/index/client/in_memory_index.h"
#include "services/ingest/engine/ingest_engine.h"
#include "services/ingest/engine/ingest_gates.h"
#include "services/ingest/metrics.h"
#include "services/maintenance/client/in_memory_maintenance.h"
#include "services/maintenance/client/lease_client.h"

namespace cairn::ingest {

// A chunker whose chunks are small, so that small archives have many.
inline const ChunkerSpec kSmallChunks{"poly-v1", 4096, 8192, 16384};

// Small batches and intervals, so that small archives use every part of the
// pipeline.
IngestEngine::Options SmallSteps();

// Ingest replicas over one real index, one real coordinator, and a store in
// memory. Their timers run when the test says so.
class IngestHarness {
 public:
  explicit IngestHarness(uint64_t seed,
                         const IngestEngine::Options& options = SmallSteps());

  // A replica; there are as many as are asked for.
  IngestEngine& replica(size_t number = 0);

  FakeClock& clock() { return clock_; }
  Executor& executor() { return *executor_; }
  InMemoryIndex& index() { return *index_; }
  FakeChunkClient& chunks() { return chunks_; }
  ChunkGate& gate() { return gate_; }
  LeaseGate& lease_gate() { return *lease_gate_; }
  SessionGate& session_gate() { return *session_gate_; }
  TimerGate& timers() { return *timers_; }
  LeaseClient& leases() { return maintenance_->client(); }
  IngestMetrics& metrics() { return metrics_; }
  const Call& admin() const { return admin_; }

  // Opens a session of the group host/`id`. A second passes, so that its
  // snapshot is newer than all before.
  absl::StatusOr<Session> OpenSession(const std::string& id = "web1");
  // The same as `caller`.
  absl::StatusOr<Session> OpenSession(const Call& caller,
                                      const std::string& id);
  // Publishes `session` with what `sizes` names.
  absl::StatusOr<Snapshot> Finish(const Session& session,
                                  const std::map<std::string, uint64_t>& sizes,
                                  size_t replica = 0);
  // The bytes of a range of an archive, holes as zeros.
  absl::StatusOr<std::string> Read(const Snapshot& snapshot,
                                   const std::string& archive,
                                   uint64_t offset = 0, uint64_t length = 0);
  DatastoreRef datastore();

 private:
  std::mt19937_64 random_;
  FakeClock clock_;
  MetricRegistry registry_;
  IngestMetrics metrics_;
  const IngestEngine::Options options_;
  const Call admin_ = {
      .caller = {CallerKind::kUnix, CallerRole::kAdmin, "root@unix"}};
  std::unique_ptr<ThreadPoolExecutor> executor_;
  std::unique_ptr<TimerGate> timers_;
  std::unique_ptr<InMemoryIndex> index_;
  std::unique_ptr<SessionGate> session_gate_;
  FakeChunkClient chunks_;
  ChunkGate gate_{&chunks_};
  std::unique_ptr<InMemoryMaintenance> maintenance_;
  std::unique_ptr<LeaseGate> lease_gate_;
  std::vector<std::unique_ptr<std::mt19937_64>> randoms_;
  std::vector<std::unique_ptr<IngestEngine>> replicas_;
};

// Remembers what a writer told. Thread-safe.
class RecordingListener final : public ArchiveWriter::Listener {
 public:
  void OnProgress(const WriteProgress& progress) override;
  void OnFailure() override;

  uint64_t durable_bytes() const;
  std::vector<WriteProgress> progress() const;
  // Waits until `bytes` are durable or the stream has failed.
  void AwaitDurable(uint64_t bytes);

 private:
  mutable absl::Mutex mutex_;
  std::vector<WriteProgress> progress_ ABSL_GUARDED_BY(mutex_);
  bool failed_ ABSL_GUARDED_BY(mutex_) = false;
};

// One open stream and what it needs.
struct OpenedStream {
  std::unique_ptr<CancellationToken> connection =
      std::make_unique<CancellationToken>();
  std::unique_ptr<Call> call;
  std::unique_ptr<RecordingListener> listener =
      std::make_unique<RecordingListener>();
  std::unique_ptr<BackupStream> stream;
  ArchiveWriter& writer() { return stream->writer(); }
};
absl::StatusOr<OpenedStream> OpenStream(IngestHarness& harness,
                                        const Session& session,
                                        const std::string& archive,
                                        uint64_t resume_offset = 0,
                                        size_t replica = 0);
absl::StatusOr<OpenedStream> OpenStream(IngestHarness& harness,
                                        OpenStreamRequest request,
                                        size_t replica = 0);

// An archive as frames.
struct TestFrame {
  std::string bytes;  // or:
  uint64_t hole = 0;
  uint64_t length() const { return hole != 0 ? hole : bytes.size(); }
};
struct TestArchive {
  std::vector<TestFrame> frames;
  std::string Flat() const;  // holes as zeros
};
// Random bytes, repeats, zero runs and holes, of about `size` bytes.
TestArchive RandomArchive(std::mt19937_64& random, uint64_t size);

// Writes what lies in [from, to) of the archive, in frames of random sizes
// up to `max_frame`.
absl::Status WriteRange(ArchiveWriter& writer, const TestArchive& archive,
                        uint64_t from, uint64_t to, std::mt19937_64& random,
                        size_t max_frame = 100'000);

}  // namespace cairn::ingest
