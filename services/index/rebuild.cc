#include "services/index/rebuild.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/io/data_directory.h"
#include "common/io/posix_file_system.h"
#include "common/log/log.h"
#include "common/random/system_random.h"
#include "common/rocks/rocks_kv_store.h"
#include "common/server/fatal_exit.h"
#include "common/status/status_macros.h"
#include "common/time/clock.h"
#include "services/index/server.h"
#include "services/index/storage/index_store.h"
#include "services/index/storage/rebuilt_database.h"

namespace cairn::index {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kScratchName[] = "rebuild.scratch";
// For what is written once, in bulk.
constexpr uint64_t kScratchCacheBytes = uint64_t{16} << 20;

// One rebuild of one directory of index, which it holds.
class DatabaseRebuild {
 public:
  DatabaseRebuild(const Options& options, FatalErrorSink* fatal_errors)
      : options_(options), fatal_errors_(fatal_errors) {}

  absl::StatusOr<RebuildResult> Run(const std::string& data_dir,
                                    const std::vector<std::string>& packs,
                                    bool replace) {
    RETURN_IF_ERROR(OpenPacks(data_dir, packs));
    auto random = NewSystemBitGen();
    ASSIGN_OR_RETURN(directory_, DataDirectory::Open(
                                     {.path = absl::StrCat(data_dir, "/index"),
                                      .support = IndexFormat(),
                                      .may_hold = {kDatabaseName, kBuildingName,
                                                   kRebuiltName, kScratchName}},
                                     &files_, random));
    ASSIGN_OR_RETURN(const Replacement earlier,
                     PutRebuiltInPlace(files_, directory_->path()));
    if (earlier.done) LOG(INFO) << "database of an earlier rebuild is in place";
    // Nobody has served it: it may go as that run was allowed to replace.
    RETURN_IF_ERROR(ReadFormer(replace || earlier.done));
    RebuildResult result;
    ASSIGN_OR_RETURN(result.report, Build());
    RETURN_IF_ERROR(DecideForRebuilt(files_, directory_->path()));
    ASSIGN_OR_RETURN(const Replacement done,
                     PutRebuiltInPlace(files_, directory_->path()));
    result.former = done.former;
    return result;
  }

 private:
  std::string Path(std::string_view name) const {
    return absl::StrCat(directory_->path(), "/", name);
  }

  absl::Status OpenPacks(const std::string& data_dir,
                         const std::vector<std::string>& packs) {
    const std::vector<std::string> all =
        packs.empty() ? std::vector<std::string>{data_dir} : packs;
    for (const std::string& path : all) {
      ASSIGN_OR_RETURN(PackDirectory directory,
                       PackDirectory::Open(&files_, path));
      if (directory.packs().empty()) {
        return absl::FailedPreconditionError(
            absl::StrCat(path,
                         ": holds no packs; name with --packs the directory "
                         "of chunk_storage, or one below it"));
      }
      packs_.push_back(std::move(directory));
    }
    return absl::OkStatus();
  }

  absl::Status ReadFormer(bool replace) {
    ASSIGN_OR_RETURN(const std::vector<std::string> names,
                     files_.List(directory_->path()));
    if (std::find(names.begin(), names.end(), kDatabaseName) == names.end()) {
      return absl::OkStatus();
    }
    const absl::Status read = ReadFormerRows();
    if (!read.ok() && !replace) {
      return absl::FailedPreconditionError(absl::StrCat(
          Path(kDatabaseName), ": holds a database that cannot be read (",
          read.message(),
          "); with --replace=true it is kept aside and rebuilt from the "
          "packs"));
    }
    if (!read.ok()) {
      LOG(WARNING) << "former database does not say what it knew error="
                   << read;
      former_.clear();
    }
    if (former_.empty() || replace) return absl::OkStatus();
    return absl::FailedPreconditionError(absl::StrCat(
        Path(kDatabaseName), ": holds ", former_.size(), " datastores, ",
        former_.front().info.name,
        " first; with --replace=true it is kept aside, and what only it knows "
        "(running sessions, changes that are in no pack) is given up"));
  }

  absl::Status ReadFormerRows() {
    ASSIGN_OR_RETURN(
        const std::unique_ptr<RocksKvStore> kv,
        RocksKvStore::Open(
            DatabaseOptions(options_, Path(kDatabaseName), &files_),
            fatal_errors_));
    const IndexStore store(kv.get());
    ASSIGN_OR_RETURN(
        const std::vector<Datastore> datastores,
        store.ListDatastores(static_cast<size_t>(options_.max_datastores)));
    for (const Datastore& datastore : datastores) {
      ASSIGN_OR_RETURN(const IndexState numbers,
                       store.GetState(datastore.ref.uuid));
      former_.push_back({.info = datastore, .numbers = numbers});
    }
    return absl::OkStatus();
  }

  absl::Status RemoveAll(std::string_view name) const {
    std::error_code error;
    std::filesystem::remove_all(Path(name), error);
    if (!error) return absl::OkStatus();
    return absl::InternalError(
        absl::StrCat(Path(name), ": cannot be removed: ", error.message()));
  }

  absl::StatusOr<IndexRebuildReport> Build() {
    RETURN_IF_ERROR(RemoveAll(kBuildingName));
    RETURN_IF_ERROR(RemoveAll(kScratchName));
    ASSIGN_OR_RETURN(
        std::unique_ptr<RocksKvStore> kv,
        RocksKvStore::Open(
            DatabaseOptions(options_, Path(kBuildingName), &files_),
            fatal_errors_));
    RocksKvStore::Options scratch_options = {
        .path = Path(kScratchName),
        .block_cache_bytes = kScratchCacheBytes,
        .write_buffer_bytes = options_.write_buffer_bytes,
        .reserve_bytes = options_.reserve_bytes,
        .ballast_bytes = 0,
        .files = &files_};
    for (const std::string& table : IndexRebuild::ScratchTableNames()) {
      scratch_options.tables.push_back(
          {.name = table, .bloom_filter = true, .compress = false});
    }
    ASSIGN_OR_RETURN(std::unique_ptr<RocksKvStore> scratch,
                     RocksKvStore::Open(scratch_options, fatal_errors_));
    const SystemClock clock;
    IndexRebuild rebuild({.packs = &packs_,
                          .index = kv.get(),
                          .scratch = scratch.get(),
                          .clock = &clock});
    absl::StatusOr<IndexRebuildReport> report = rebuild.Run(former_);
    scratch.reset();
    RETURN_IF_ERROR(RemoveAll(kScratchName));
    return report;
  }

  const Options options_;
  FatalErrorSink* const fatal_errors_;
  PosixFileSystem files_;
  std::vector<PackDirectory> packs_;
  std::unique_ptr<DataDirectory> directory_;
  std::vector<FormerDatastore> former_;
};

Json ToJson(const PackDamage& damage) {
  return {
      {"path", damage.path},
      {"offset", damage.offset},
      {"length", damage.length},
      {"record", damage.entry.has_value() ? Json(damage.entry->key.ToString())
                                          : Json(nullptr)},
      {"why", damage.why}};
}

Json ToJson(const LostArchive& lost) {
  Json ranges = Json::array();
  for (const LostRange& range : lost.ranges) {
    ranges.push_back({{"offset", range.offset}, {"length", range.length}});
  }
  return {{"archive", lost.name.ToString()},
          {"lost_bytes", lost.lost_bytes},
          {"range_count", lost.range_count},
          {"ranges", std::move(ranges)}};
}

std::string WhyPassedOver(const PassedOver& one) {
  return one.why.empty() ? "another one of this name has a higher sequence"
                         : one.why;
}

Json ToJson(const RebuiltDatastore& datastore) {
  Json passed_over = Json::array();
  for (const PassedOver& one : datastore.passed_over) {
    passed_over.push_back({{"snapshot", one.name.ToString()},
                           {"sequence", one.sequence},
                           {"generation", one.generation},
                           {"why", WhyPassedOver(one)}});
  }
  Json lost = Json::array();
  for (const LostArchive& one : datastore.lost) lost.push_back(ToJson(one));
  return {{"datastore", datastore.info.name},
          {"uuid", datastore.info.ref.uuid.ToString()},
          {"generation", datastore.info.ref.generation},
          {"recorded_name", datastore.recorded_name},
          {"highest_sequence", datastore.highest_sequence},
          {"namespaces", datastore.namespaces},
          {"groups", datastore.groups},
          {"snapshots", datastore.snapshots},
          {"logical_bytes", datastore.logical_bytes},
          {"cancelled_manifests", datastore.cancelled},
          {"pages", datastore.pages.pages},
          {"broken_pages", datastore.pages.broken_pages},
          {"chunks", datastore.pages.chunks},
          {"not_listed_count", datastore.passed_over_count},
          {"not_listed", std::move(passed_over)},
          {"damaged_snapshots", datastore.damaged_snapshots},
          {"damaged_archive_count", datastore.lost_archive_count},
          {"damaged_archives", std::move(lost)}};
}

void PrintMore(uint64_t count, size_t shown, std::ostream& out) {
  if (count > shown) out << "    and " << count - shown << " more\n";
}

void PrintDatastore(const RebuiltDatastore& datastore, std::ostream& out) {
  out << "datastore " << datastore.info.name << " ("
      << datastore.info.ref.uuid.ToString() << ", generation "
      << datastore.info.ref.generation << ")\n"
      << "  snapshots        " << datastore.snapshots << " in "
      << datastore.groups << " groups and " << datastore.namespaces
      << " namespaces, " << datastore.logical_bytes << " bytes\n"
      << "  pages            " << datastore.pages.pages << "\n"
      << "  highest          sequence=" << datastore.highest_sequence
      << " epoch=" << datastore.pages.highest_epoch << "\n";
  if (datastore.recorded_name != datastore.info.name) {
    out << "  NAME             "
        << (datastore.recorded_name.empty()
                ? "no record says it"
                : absl::StrCat(datastore.recorded_name,
                               " is the name of another datastore too"))
        << "\n";
  }
  if (datastore.passed_over_count > 0) {
    out << "  NOT LISTED       " << datastore.passed_over_count
        << " snapshots\n";
    for (const PassedOver& one : datastore.passed_over) {
      out << "    " << one.name.ToString() << ": " << WhyPassedOver(one)
          << "\n";
    }
    PrintMore(datastore.passed_over_count, datastore.passed_over.size(), out);
  }
  if (datastore.lost_archive_count > 0) {
    out << "  DAMAGED          " << datastore.lost_archive_count
        << " archives of " << datastore.damaged_snapshots
        << " snapshots miss chunks; they are listed, and marked as failed to "
           "verify\n";
    for (const LostArchive& one : datastore.lost) {
      out << "    " << one.name.ToString() << ": " << one.lost_bytes
          << " bytes, at";
      for (const LostRange& range : one.ranges) {
        out << " " << range.offset << "+" << range.length;
      }
      if (one.range_count > one.ranges.size()) out << " ...";
      out << "\n";
    }
    PrintMore(datastore.lost_archive_count, datastore.lost.size(), out);
  }
}

struct Flags {
  std::vector<std::string> packs;
  bool replace = false;
  std::string output_format = "text";
};

void PrintText(const RebuildResult& result, std::ostream& out) {
  const IndexRebuildReport& report = result.report;
  for (const RebuiltDatastore& datastore : report.datastores) {
    PrintDatastore(datastore, out);
  }
  if (report.damage_count > 0) {
    out << "DAMAGED METADATA   " << report.damage_count
        << " places; what was written last when the machine stopped looks "
           "like that too\n";
    for (const PackDamage& damage : report.damage) {
      out << "  " << damage.path << " at " << damage.offset << ": ";
      if (damage.entry.has_value()) {
        out << damage.entry->key.ToString() << ": ";
      }
      out << damage.why << "\n";
    }
    PrintMore(report.damage_count, report.damage.size(), out);
  }
  if (!result.former.empty()) {
    out << "the former database is kept in " << result.former
        << "; remove it once index serves\n";
  }
}

int Rebuild(const Options& options, const ServerOptions& server,
            const Flags& flags, std::ostream& out) {
  FatalExit fatal;
  const absl::StatusOr<RebuildResult> result = RebuildDatabase(
      options, server.data_dir, flags.packs, flags.replace, &fatal);
  if (!result.ok()) {
    LOG(ERROR) << "rebuild did not end: " << result.status().ToString();
    return 1;
  }
  const bool lost = result->report.lost();
  if (flags.output_format != "json") {
    PrintText(*result, out);
    return lost ? kSomethingLostExitCode : 0;
  }
  Json datastores = Json::array();
  for (const RebuiltDatastore& datastore : result->report.datastores) {
    datastores.push_back(ToJson(datastore));
  }
  Json damage = Json::array();
  for (const PackDamage& one : result->report.damage) {
    damage.push_back(ToJson(one));
  }
  out << Json({{"datastores", std::move(datastores)},
               {"damage_count", result->report.damage_count},
               {"damage", std::move(damage)},
               {"former_database", result->former},
               {"something_lost", lost}})
             .dump(2, ' ', false, Json::error_handler_t::replace)
      << "\n";
  return lost ? kSomethingLostExitCode : 0;
}

}  // namespace

absl::StatusOr<RebuildResult> RebuildDatabase(
    const Options& options, const std::string& data_dir,
    const std::vector<std::string>& packs, bool replace,
    FatalErrorSink* fatal_errors) {
  return DatabaseRebuild(options, fatal_errors).Run(data_dir, packs, replace);
}

OfflineCommand RebuildCommand(const Options* options,
                              const ServerOptions* server) {
  auto flags = std::make_shared<Flags>();
  return {.name = "rebuild",
          .purpose =
              "Builds the database of index again from packs alone. Safe to "
              "kill, and to run again. Exit code 3: something in the packs "
              "did not come back.",
          .add_settings =
              [flags](Settings& settings) {
                settings.Add("packs", &flags->packs,
                             "directories of packs: the data directory of "
                             "chunk_storage, or one below it (default: "
                             "--data-dir)");
                settings.Add("replace", &flags->replace,
                             "also where the database holds datastores; it is "
                             "kept aside");
                settings.Add("output-format", &flags->output_format,
                             "text, or json: one document on stdout");
              },
          .run =
              [=](std::ostream& out) {
                return Rebuild(*options, *server, *flags, out);
              }};
}

}  // namespace cairn::index
