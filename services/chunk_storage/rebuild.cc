#include "services/chunk_storage/rebuild.h"

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/concurrency/thread_pool_executor.h"
#include "common/io/data_directory.h"
#include "common/io/posix_file_system.h"
#include "common/log/log.h"
#include "common/metrics/metric_registry.h"
#include "common/pack/pack_file.h"
#include "common/random/system_random.h"
#include "common/rocks/rocks_kv_store.h"
#include "common/server/fatal_exit.h"
#include "common/status/status_macros.h"
#include "common/time/clock.h"
#include "services/chunk_storage/server.h"

namespace cairn::chunk_storage {
namespace {

using Json = nlohmann::ordered_json;

// Former databases that are kept.
constexpr int kMaxFormer = 1000;

// No directory: an empty list.
absl::StatusOr<std::vector<std::string>> ListOrNone(const FileSystem& files,
                                                    const std::string& path) {
  absl::StatusOr<std::vector<std::string>> names = files.List(path);
  if (absl::IsNotFound(names.status())) return std::vector<std::string>();
  return names;
}

bool Contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// The directory stays, empty.
absl::Status RemoveFilesIn(FileSystem& files, const std::string& path) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names,
                   ListOrNone(files, path));
  for (const std::string& name : names) {
    RETURN_IF_ERROR(files.Remove(absl::StrCat(path, "/", name)));
  }
  return absl::OkStatus();
}

// One rebuild of one directory of chunk_storage, which it holds.
class DatabaseRebuild {
 public:
  DatabaseRebuild(const Options& options, FatalErrorSink* fatal_errors)
      : options_(options), fatal_errors_(fatal_errors) {}

  absl::StatusOr<RebuildResult> Run(const std::string& data_dir,
                                    SurveyDepth depth) {
    const std::string path = absl::StrCat(data_dir, "/chunk_storage");
    RETURN_IF_ERROR(TakeDirectory(path));
    RETURN_IF_ERROR(ReadFormer());
    absl::StatusOr<RebuildReport> report = Build(depth);
    if (absl::IsAborted(report.status())) {
      LOG(WARNING) << "rebuild starts anew: " << report.status().message();
      RETURN_IF_ERROR(RemoveFilesIn(files_, Path("db.rebuild")));
      report = Build(depth);
    }
    RETURN_IF_ERROR(report.status());
    RebuildResult result = {.report = *std::move(report),
                            .missing_packs = std::move(missing_)};
    ASSIGN_OR_RETURN(result.former, PutInPlace());
    return result;
  }

 private:
  std::string Path(std::string_view name) const {
    return absl::StrCat(directory_->path(), "/", name);
  }

  absl::Status TakeDirectory(const std::string& path) {
    ASSIGN_OR_RETURN(const std::vector<std::string> names,
                     ListOrNone(files_, path));
    if (!Contains(names, "datastores")) {
      return absl::FailedPreconditionError(absl::StrCat(
          path,
          ": has no datastores, so there are no packs to rebuild from; "
          "put them there, or name the right --data-dir"));
    }
    auto random = NewSystemBitGen();
    ASSIGN_OR_RETURN(
        directory_,
        DataDirectory::Open({.path = path,
                             .support = StoreFormat(),
                             .may_hold = {"datastores", "db", "db.rebuild"}},
                            &files_, random));
    return absl::OkStatus();
  }

  // What the database that will be replaced knows. One that cannot be read is
  // why people rebuild.
  absl::Status ReadFormer() {
    ASSIGN_OR_RETURN(const std::vector<std::string> names,
                     ListOrNone(files_, Path("db")));
    has_former_ = !names.empty();
    if (!Contains(names, "CURRENT")) return absl::OkStatus();
    const absl::StatusOr<std::unique_ptr<RocksKvStore>> kv = RocksKvStore::Open(
        DatabaseOptions(options_, Path("db"), &files_), fatal_errors_);
    absl::StatusOr<std::vector<StoredDatastore>> rows =
        kv.ok() ? PlaceStore(kv->get()).ListDatastores() : kv.status();
    if (!rows.ok()) {
      LOG(WARNING) << "former database does not say what it knew: generation "
                      "and sweep token start anew error="
                   << rows.status().ToString();
      return absl::OkStatus();
    }
    former_ = *std::move(rows);
    former_is_empty_ = former_.empty();
    for (const StoredDatastore& row : former_) {
      RETURN_IF_ERROR(FindMissing(row, PlaceStore(kv->get())));
    }
    return absl::OkStatus();
  }

  // Packs that the former database knew and that have no file.
  absl::Status FindMissing(const StoredDatastore& row,
                           const PlaceStore& places) {
    const absl::StatusOr<std::vector<SealedPack>> packs =
        places.ListPacks(row.number);
    if (!packs.ok()) {
      LOG(WARNING) << "former database does not say which packs it knew error="
                   << packs.status().ToString();
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(
        const std::vector<std::string> names,
        ListOrNone(files_,
                   Path(absl::StrCat("datastores/", row.ref.uuid.ToString(),
                                     "/packs"))));
    for (const SealedPack& pack : *packs) {
      if (pack.dead) continue;  // a sweep has removed it
      if (Contains(names, absl::StrCat(pack.uuid.ToString(), kPackSuffix))) {
        continue;
      }
      missing_.push_back({row.ref.uuid, pack.uuid, pack.record_count});
    }
    return absl::OkStatus();
  }

  absl::StatusOr<RebuildReport> Build(SurveyDepth depth) {
    ASSIGN_OR_RETURN(const std::unique_ptr<RocksKvStore> kv,
                     RocksKvStore::Open(
                         DatabaseOptions(options_, Path("db.rebuild"), &files_),
                         fatal_errors_));
    ASSIGN_OR_RETURN(
        const std::unique_ptr<ThreadPoolExecutor> executor,
        ThreadPoolExecutor::Create({.name = "rebuild", .threads = 1}));
    const SystemClock clock;
    MetricRegistry registry;
    Metrics metrics(&registry);
    StoreRebuild rebuild({.files = &files_,
                          .kv = kv.get(),
                          .clock = &clock,
                          .executor = executor.get(),
                          .fatal_errors = fatal_errors_,
                          .metrics = &metrics});
    return rebuild.Run(Path("datastores"), depth, former_);
  }

  // The new database is whole, synced and closed. Each step leaves either a
  // database that serves or none, which a start refuses.
  absl::StatusOr<std::string> PutInPlace() {
    std::string kept;
    if (has_former_ && former_is_empty_) {
      RETURN_IF_ERROR(RemoveFilesIn(files_, Path("db")));
    } else if (has_former_) {
      ASSIGN_OR_RETURN(const std::vector<std::string> names,
                       files_.List(directory_->path()));
      for (int n = 1; n <= kMaxFormer && kept.empty(); ++n) {
        const std::string name = absl::StrCat("db.former-", n);
        if (!Contains(names, name)) kept = Path(name);
      }
      if (kept.empty()) {
        return absl::ResourceExhaustedError(absl::StrCat(
            directory_->path(), ": holds ", kMaxFormer,
            " former databases; remove some, then run this again"));
      }
      RETURN_IF_ERROR(files_.Rename(Path("db"), kept));
    }
    RETURN_IF_ERROR(files_.Rename(Path("db.rebuild"), Path("db")));
    RETURN_IF_ERROR(files_.SyncDirectory(directory_->path()));
    return kept;
  }

  const Options options_;
  FatalErrorSink* const fatal_errors_;
  PosixFileSystem files_;
  std::unique_ptr<DataDirectory> directory_;
  std::vector<StoredDatastore> former_;
  std::vector<MissingPack> missing_;
  bool has_former_ = false;
  bool former_is_empty_ = false;
};

Json ToJson(const RebuiltDatastore& datastore) {
  Json records = Json::object();
  for (const RecordKind kind : {RecordKind::kChunk, RecordKind::kPage,
                                RecordKind::kManifest, RecordKind::kEvent}) {
    records[std::string(RecordKindName(kind))] =
        datastore.records[static_cast<size_t>(kind)];
  }
  Json lost = Json::array();
  for (const DamagedRecord& record : datastore.lost) {
    lost.push_back({{"record", record.key.ToString()}, {"why", record.why}});
  }
  const auto uuids = [](const std::vector<Uuid>& packs) {
    Json list = Json::array();
    for (const Uuid& pack : packs) list.push_back(pack.ToString());
    return list;
  };
  return {{"datastore", datastore.row.ref.uuid.ToString()},
          {"generation", datastore.row.ref.generation},
          {"sweep_token", datastore.row.token},
          {"highest_sequence", datastore.row.sequence},
          {"highest_epoch", datastore.row.highest_epoch},
          {"packs", datastore.packs},
          {"pack_bytes", datastore.pack_bytes},
          {"packs_done_before", datastore.packs_done_before},
          {"records", std::move(records)},
          {"duplicate_records", datastore.duplicate_records},
          {"damaged_copies", datastore.damaged_copies},
          {"damaged_bytes", datastore.damaged_bytes},
          {"lost_records", datastore.lost_records},
          {"lost", std::move(lost)},
          {"unnamed_bytes", datastore.unnamed_bytes},
          {"unnamed_in_packs", uuids(datastore.unnamed_in)},
          {"foreign_packs", uuids(datastore.foreign_packs)}};
}

void PrintDatastore(const RebuiltDatastore& datastore, std::ostream& out) {
  out << "datastore " << datastore.row.ref.uuid.ToString() << "\n"
      << "  packs            " << datastore.packs << ", "
      << datastore.pack_bytes << " bytes";
  if (datastore.packs_done_before > 0) {
    out << " (" << datastore.packs_done_before << " done by an earlier run)";
  }
  out << "\n  records         ";
  for (const RecordKind kind : {RecordKind::kChunk, RecordKind::kPage,
                                RecordKind::kManifest, RecordKind::kEvent}) {
    out << " " << RecordKindName(kind) << "="
        << datastore.records[static_cast<size_t>(kind)];
  }
  out << "\n  duplicates       " << datastore.duplicate_records
      << "\n  damaged copies   " << datastore.damaged_copies
      << "\n  highest          sequence=" << datastore.row.sequence
      << " epoch=" << datastore.row.highest_epoch
      << " sweep_token=" << datastore.row.token << "\n";
  if (datastore.row.ref.generation == 0) {
    out << "  generation       not known; the next index that connects is "
           "believed\n";
  }
  if (datastore.lost_records > 0) {
    out << "  LOST             " << datastore.lost_records
        << " records have no copy that proves; a later backup of the same "
           "data heals them\n";
    for (const DamagedRecord& record : datastore.lost) {
      out << "    " << record.key.ToString() << ": " << record.why << "\n";
    }
    if (datastore.lost.size() < datastore.lost_records) {
      out << "    and " << datastore.lost_records - datastore.lost.size()
          << " more\n";
    }
  }
  if (datastore.unnamed_bytes > 0) {
    out << "  MAYBE LOST       " << datastore.unnamed_bytes
        << " damaged bytes that no header or footer names, in packs that were "
           "not closed; what was written last when the machine stopped looks "
           "like that too\n";
    for (const Uuid& pack : datastore.unnamed_in) {
      out << "    pack " << pack.ToString() << "\n";
    }
  }
  for (const Uuid& pack : datastore.foreign_packs) {
    out << "  NOT TAKEN        pack " << pack.ToString()
        << " says that it is another datastore's\n";
  }
}

struct Flags {
  std::string output_format = "text";
  bool trust_footers = false;
};

int Rebuild(const Options& options, const ServerOptions& server,
            const Flags& flags, std::ostream& out) {
  FatalExit fatal;
  const absl::StatusOr<RebuildResult> result = RebuildDatabase(
      options, server.data_dir,
      flags.trust_footers ? SurveyDepth::kFooter : SurveyDepth::kPayloads,
      &fatal);
  if (!result.ok()) {
    LOG(ERROR) << "rebuild did not end: " << result.status().ToString();
    return 1;
  }
  const bool lost = result->lost();
  if (flags.output_format == "json") {
    Json datastores = Json::array();
    for (const RebuiltDatastore& datastore : result->report.datastores) {
      datastores.push_back(ToJson(datastore));
    }
    Json missing = Json::array();
    for (const MissingPack& pack : result->missing_packs) {
      missing.push_back({{"datastore", pack.datastore.ToString()},
                         {"pack", pack.pack.ToString()},
                         {"records", pack.records}});
    }
    out << Json({{"datastores", std::move(datastores)},
                 {"missing_packs", std::move(missing)},
                 {"former_database", result->former},
                 {"something_lost", lost}})
               .dump(2, ' ', false, Json::error_handler_t::replace)
        << "\n";
    return lost ? kSomethingLostExitCode : 0;
  }
  for (const RebuiltDatastore& datastore : result->report.datastores) {
    PrintDatastore(datastore, out);
  }
  for (const MissingPack& pack : result->missing_packs) {
    out << "MISSING pack " << pack.pack.ToString() << " of datastore "
        << pack.datastore.ToString() << ": the former database knew it, with "
        << pack.records << " records\n";
  }
  if (!result->former.empty()) {
    out << "the former database is kept in " << result->former
        << "; remove it once the store serves\n";
  }
  return lost ? kSomethingLostExitCode : 0;
}

}  // namespace

absl::StatusOr<RebuildResult> RebuildDatabase(const Options& options,
                                              const std::string& data_dir,
                                              SurveyDepth depth,
                                              FatalErrorSink* fatal_errors) {
  return DatabaseRebuild(options, fatal_errors).Run(data_dir, depth);
}

OfflineCommand RebuildCommand(const Options* options,
                              const ServerOptions* server) {
  auto flags = std::make_shared<Flags>();
  return {.name = "rebuild",
          .purpose =
              "Builds the database of places again from the packs alone. "
              "Safe to run twice, and to kill: the next run goes on. Exit "
              "code 3: something in the packs did not come back.",
          .add_settings =
              [flags](Settings& settings) {
                settings.Add("output-format", &flags->output_format,
                             "text, or json: one document on stdout");
                settings.Add(
                    "trust-footers", &flags->trust_footers,
                    "believe tables of contents instead of reading every "
                    "record: fast, and damage shows when it is read");
              },
          .run =
              [=](std::ostream& out) {
                return Rebuild(*options, *server, *flags, out);
              }};
}

}  // namespace cairn::chunk_storage
