#include "services/chunk_storage/engine/repository_harness.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/digest/sha256.h"
#include "common/log/log.h"
#include "common/pack/pack_scanner.h"
#include "common/status/status_macros.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace cairn::chunk_storage {
namespace {

constexpr char kRoot[] = "/data/datastores";

std::string PackDirectory(const DatastoreRef& datastore) {
  return absl::StrCat(kRoot, "/", datastore.uuid.ToString(), "/packs");
}

}  // namespace

Record RawRecord(RecordKind kind, std::string_view plain, uint64_t sequence) {
  Record record;
  record.key = {kind, Domain(), Sha256(plain)};
  record.plain_length = plain.size();
  record.payload = std::string(plain);
  record.payload_digest = record.key.digest;
  record.sequence = sequence;
  return record;
}

Record RawChunk(std::string_view plain) {
  return RawRecord(RecordKind::kChunk, plain);
}

void DamageRecord(FileSystem& files, const std::string& directory,
                  const RecordKey& key) {
  const auto names = files.List(directory);
  ASSERT_OK(names);
  for (const std::string& name : *names) {
    const auto file = files.OpenForWrite(absl::StrCat(directory, "/", name));
    ASSERT_OK(file);
    const auto pack = Uuid::Parse(name.substr(0, 36));
    ASSERT_OK(pack);
    PackScanner scanner(*pack, *(*file)->Size(),
                        [&](uint64_t offset, size_t length) {
                          return (*file)->ReadAt(offset, length);
                        });
    for (;;) {
      const auto entry = scanner.Next();
      ASSERT_OK(entry);
      if (!entry->has_value()) break;
      if ((*entry)->key != key) continue;
      const uint64_t at = (*entry)->offset + kRecordHeaderBytes;
      const auto byte = (*file)->ReadAt(at, 1);
      ASSERT_OK(byte);
      const std::string flipped(1, static_cast<char>((*byte)[0] ^ 0x10));
      const std::string_view pieces[] = {flipped};
      ASSERT_OK((*file)->WriteAt(at, pieces));
      ASSERT_OK((*file)->Sync());
    }
  }
}

RepositoryOptions SmallPacks() {
  RepositoryOptions options;
  options.pack_bytes = 32 << 10;
  options.pack_records = 64;
  options.open_packs = 2;
  options.reserve_bytes = 0;
  options.read_window_bytes = 16 << 10;
  return options;
}

RepositoryHarness::RepositoryHarness(RepositoryOptions options, uint64_t seed,
                                     Executor* executor)
    : options_(options),
      random_(seed),
      test_executor_(&clock_),
      executor_(executor != nullptr ? executor : &test_executor_),
      files_(&disk_),
      kv_(std::make_unique<MemoryKvStore>(PlaceStore::TableNames().size())),
      fatal_errors_(std::make_unique<RecordingFatalErrorSink>()),
      metrics_(&registry_) {
  SetLogLevel(LogLevel::kError);
  // The root and what is above it are there before the service starts.
  EXPECT_OK(disk_.CreateDirectories(kRoot));
  EXPECT_OK(disk_.SyncDirectory("/data"));
  EXPECT_OK(disk_.SyncDirectory("/"));
}

RepositoryHarness::~RepositoryHarness() = default;

absl::Status RepositoryHarness::Start() {
  fatal_errors_ = std::make_unique<RecordingFatalErrorSink>();
  const ChunkRepository::Dependencies dependencies = {
      .files = &files_,
      .kv = kv_.get(),
      .database = "/store/db",
      .clock = &clock_,
      .executor = executor_,
      .random = random_,
      .fatal_errors = fatal_errors_.get(),
      .metrics = &metrics_};
  ASSIGN_OR_RETURN(repository_, ChunkRepository::Open(options_, dependencies,
                                                      kRoot, ++incarnation_));
  return repository_->EnsureDatastore(call_, datastore_).status();
}

absl::Status RepositoryHarness::Stop() {
  const absl::Status closed = repository_->Close();
  repository_.reset();
  return closed;
}

void RepositoryHarness::Kill() {
  // Tasks that wait must not finish the dead process's work.
  files_.FailAllAfter(0, absl::UnavailableError("killed"));
  kv_->FailCommitsFrom(1, absl::UnavailableError("killed"));
  repository_.reset();
  files_.Recover();
  kv_->Recover();
  ArmCrash();
}

void RepositoryHarness::ArmCrash() {
  const absl::Status crash = absl::UnavailableError("power cut");
  if (crash_at_change_.has_value()) {
    const uint64_t done = files_.mutations();
    files_.FailAllAfter(*crash_at_change_ > done ? *crash_at_change_ - done : 0,
                        crash);
  }
  if (crash_at_commit_.has_value()) {
    const uint64_t done = kv_->commit_count();
    kv_->FailCommitsFrom(
        *crash_at_commit_ > done ? *crash_at_commit_ - done : 1, crash);
  }
}

void RepositoryHarness::CrashAfterChanges(uint64_t changes) {
  crash_at_change_ = files_.mutations() + changes;
  ArmCrash();
}

void RepositoryHarness::CrashAtCommit(uint64_t nth) {
  crash_at_commit_ = kv_->commit_count() + nth;
  ArmCrash();
}

void RepositoryHarness::PowerCut() {
  crash_at_change_.reset();
  crash_at_commit_.reset();
  files_.FailAllAfter(0, absl::UnavailableError("power cut"));
  kv_->PowerCut(random_);
  repository_.reset();
  if (random_() % 3 == 0) {
    disk_.PowerCutLosingAll();
  } else {
    disk_.PowerCut(random_);
  }
  files_.Recover();
  kv_->Recover();
}

absl::StatusOr<RebuildReport> RepositoryHarness::Rebuild(
    SurveyDepth depth, std::span<const StoredDatastore> former) {
  return StoreRebuild({.files = &files_,
                       .kv = kv_.get(),
                       .clock = &clock_,
                       .executor = executor_,
                       .fatal_errors = fatal_errors_.get(),
                       .metrics = &metrics_})
      .Run(kRoot, depth, former);
}

void RepositoryHarness::LoseRows() {
  kv_ = std::make_unique<MemoryKvStore>(PlaceStore::TableNames().size());
}

SessionRef RepositoryHarness::Session(uint8_t id, uint64_t epoch) const {
  return {datastore_, Uuid{{id}}, epoch};
}

absl::StatusOr<PutReply> RepositoryHarness::Put(std::vector<Record> records) {
  return repository_->Put(call_, Session(1), records);
}

absl::Status RepositoryHarness::Sync() {
  return repository_->Sync(call_, Session(1), incarnation_);
}

bool RepositoryHarness::IsPresent(const RecordKey& key) {
  const auto reply = repository_->Pin(call_, Session(1), std::span(&key, 1));
  EXPECT_OK(reply);
  return reply.ok() && reply->present.at(0);
}

absl::StatusOr<std::string> RepositoryHarness::Read(const RecordKey& key) {
  ASSIGN_OR_RETURN(const auto stream,
                   repository_->Get(call_, datastore_, {key}));
  ASSIGN_OR_RETURN(const auto record, stream->Next());
  if (!record.has_value()) return absl::InternalError("no record, no error");
  return record->payload;
}

StoreStatistics RepositoryHarness::Statistics() {
  const auto statistics = repository_->Statistics(call_, datastore_);
  EXPECT_OK(statistics);
  return statistics.value_or(StoreStatistics());
}

std::vector<std::string> RepositoryHarness::PackPaths(
    const DatastoreRef& datastore) const {
  const std::string directory = PackDirectory(datastore);
  std::vector<std::string> paths;
  const auto names = disk_.List(directory);
  EXPECT_OK(names);
  if (!names.ok()) return paths;
  for (const std::string& name : *names) {
    paths.push_back(absl::StrCat(directory, "/", name));
  }
  return paths;
}

void RepositoryHarness::Tear(const std::string& path, std::string_view bytes) {
  const auto file = disk_.OpenForWrite(path);
  ASSERT_OK(file);
  const std::string_view pieces[] = {bytes};
  ASSERT_OK((*file)->WriteAt(*(*file)->Size(), pieces));
}

void RepositoryHarness::Damage(const DatastoreRef& datastore,
                               const RecordKey& key) {
  DamageRecord(disk_, PackDirectory(datastore), key);
}

}  // namespace cairn::chunk_storage
