#include "services/ingest/engine/ingest_harness.h"

#include <algorithm>

#include "absl/time/time.h"
#include "common/status/status_macros.h"

namespace cairn::ingest {

IngestEngine::Options SmallSteps() {
  IngestEngine::Options options;
  options.backup.writer.watermark_interval_bytes = 256 << 10;
  options.backup.writer.batch_bytes = 32 << 10;
  options.backup.writer.batch_chunks = 8;
  options.backup.admission_timeout = absl::ZeroDuration();
  options.backup.sessions.takeover_timeout = absl::Seconds(30);
  options.restore.reader.window_entries = 16;
  options.restore.reader.max_queued_entries = 8;
  options.restore.admission_timeout = absl::ZeroDuration();
  return options;
}

IngestHarness::IngestHarness(uint64_t seed,
                             const IngestEngine::Options& options)
    : random_(seed),
      metrics_(&registry_),
      options_(options),
      executor_(*ThreadPoolExecutor::Create({.name = "test", .threads = 6})),
      timers_(std::make_unique<TimerGate>(executor_.get())),
      index_(*InMemoryIndex::Open(&clock_, random_)),
      session_gate_(std::make_unique<SessionGate>(&index_->client())),
      maintenance_(std::make_unique<InMemoryMaintenance>(
          InMemoryMaintenance::Dependencies{.clock = &clock_,
                                            .executor = executor_.get(),
                                            .catalog = &index_->client(),
                                            .fence = &index_->client(),
                                            .chunks = &chunks_})),
      lease_gate_(
          std::make_unique<LeaseGate>(&maintenance_->client(), &clock_)) {}

IngestEngine& IngestHarness::replica(size_t number) {
  while (replicas_.size() <= number) {
    randoms_.push_back(std::make_unique<std::mt19937_64>(random_()));
    replicas_.push_back(std::make_unique<IngestEngine>(
        options_,
        IngestEngine::Dependencies{.peers = {.catalog = &index_->client(),
                                             .sessions = session_gate_.get(),
                                             .chunks = &gate_,
                                             .leases = lease_gate_.get()},
                                   .clock = &clock_,
                                   .executor = executor_.get(),
                                   .renewals = timers_.get(),
                                   .random = *randoms_.back(),
                                   .metrics = &metrics_}));
  }
  return *replicas_[number];
}

absl::StatusOr<Session> IngestHarness::OpenSession(const std::string& id) {
  return OpenSession(admin_, id);
}

absl::StatusOr<Session> IngestHarness::OpenSession(const Call& caller,
                                                   const std::string& id) {
  clock_.Advance(absl::Seconds(1));
  OpenSessionRequest request{.request_id = Uuid::Random(random_)};
  request.group = {{"default", {}}, BackupType::kHost, id};
  return replica().backup().OpenSession(caller, request);
}

absl::StatusOr<Snapshot> IngestHarness::Finish(
    const Session& session, const std::map<std::string, uint64_t>& sizes,
    size_t number) {
  PublishRequest request;
  for (const auto& [name, size] : sizes) {
    request.archives.push_back({.name = name, .size_bytes = size});
  }
  return replica(number).backup().FinishSession(
      admin_, {"default", session.ref.session}, request);
}

absl::StatusOr<std::string> IngestHarness::Read(const Snapshot& snapshot,
                                                const std::string& archive,
                                                uint64_t offset,
                                                uint64_t length) {
  ASSIGN_OR_RETURN(OpenedArchive opened,
                   replica().restore().Open(admin_, {snapshot.name, archive},
                                            offset, length));
  std::string bytes;
  for (;;) {
    ASSIGN_OR_RETURN(const std::optional<ReadPiece> piece,
                     opened.reader->Next());
    if (!piece.has_value()) break;
    if (piece->offset != offset + bytes.size()) {
      return absl::InternalError("a piece does not follow the one before");
    }
    if (piece->is_hole) {
      bytes.append(piece->length, '\0');
    } else {
      bytes.append(piece->bytes);
    }
  }
  if (bytes.size() != opened.length) {
    return absl::InternalError("the header tells another length");
  }
  return bytes;
}

DatastoreRef IngestHarness::datastore() {
  return index_->client().GetDatastore(admin_, "default")->ref;
}

void RecordingListener::OnProgress(const WriteProgress& progress) {
  absl::MutexLock lock(&mutex_);
  progress_.push_back(progress);
}

void RecordingListener::OnFailure() {
  absl::MutexLock lock(&mutex_);
  failed_ = true;
}

uint64_t RecordingListener::durable_bytes() const {
  absl::MutexLock lock(&mutex_);
  return progress_.empty() ? 0 : progress_.back().durable_bytes;
}

std::vector<WriteProgress> RecordingListener::progress() const {
  absl::MutexLock lock(&mutex_);
  return progress_;
}

void RecordingListener::AwaitDurable(uint64_t bytes) {
  absl::MutexLock lock(&mutex_);
  const auto reached = [this, bytes]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return failed_ ||
           (!progress_.empty() && progress_.back().durable_bytes >= bytes);
  };
  mutex_.Await(absl::Condition(&reached));
}

absl::StatusOr<OpenedStream> OpenStream(IngestHarness& harness,
                                        OpenStreamRequest request,
                                        size_t replica) {
  OpenedStream opened;
  opened.call = std::make_unique<Call>(harness.admin());
  opened.call->cancellation = opened.connection.get();
  ASSIGN_OR_RETURN(opened.stream,
                   harness.replica(replica).backup().OpenStream(
                       *opened.call, request, opened.listener.get()));
  return opened;
}

absl::StatusOr<OpenedStream> OpenStream(IngestHarness& harness,
                                        const Session& session,
                                        const std::string& archive,
                                        uint64_t resume_offset,
                                        size_t replica) {
  OpenStreamRequest request{.session = {"default", session.ref.session},
                            .archive = archive,
                            .resume_offset = resume_offset};
  request.chunker = kSmallChunks;
  return OpenStream(harness, std::move(request), replica);
}

std::string TestArchive::Flat() const {
  std::string flat;
  for (const TestFrame& frame : frames) {
    if (frame.hole != 0) {
      flat.append(frame.hole, '\0');
    } else {
      flat.append(frame.bytes);
    }
  }
  return flat;
}

TestArchive RandomArchive(std::mt19937_64& random, uint64_t size) {
  TestArchive archive;
  std::vector<std::string> earlier;
  uint64_t total = 0;
  while (total < size) {
    const uint64_t length =
        1 + random() % std::min<uint64_t>(size - total, 150'000);
    TestFrame frame;
    switch (random() % 8) {
      case 0:
        frame.hole = length;
        break;
      case 1:
        frame.bytes.assign(length, '\0');
        break;
      case 2:
        frame.bytes.assign(length, static_cast<char>('a' + random() % 20));
        break;
      case 3:
        if (!earlier.empty()) {
          frame.bytes = earlier[random() % earlier.size()];
          break;
        }
        [[fallthrough]];
      default:
        frame.bytes.resize(length);
        for (char& byte : frame.bytes) byte = static_cast<char>(random());
        if (earlier.size() < 20) earlier.push_back(frame.bytes);
    }
    total += frame.length();
    archive.frames.push_back(std::move(frame));
  }
  return archive;
}

absl::Status WriteRange(ArchiveWriter& writer, const TestArchive& archive,
                        uint64_t from, uint64_t to, std::mt19937_64& random,
                        size_t max_frame) {
  uint64_t begin = 0;
  for (const TestFrame& frame : archive.frames) {
    const uint64_t end = begin + frame.length();
    uint64_t at = std::max(begin, from);
    const uint64_t stop = std::min(end, to);
    while (at < stop) {
      const uint64_t size =
          frame.hole != 0
              ? stop - at
              : std::min<uint64_t>(1 + random() % max_frame, stop - at);
      if (frame.hole != 0) {
        RETURN_IF_ERROR(writer.Hole(at, size));
      } else {
        RETURN_IF_ERROR(writer.Write(at, frame.bytes.substr(at - begin, size)));
      }
      at += size;
    }
    begin = end;
  }
  return absl::OkStatus();
}

}  // namespace cairn::ingest
