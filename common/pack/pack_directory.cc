#include "common/pack/pack_directory.h"

#include <algorithm>
#include <memory>
#include <string_view>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"

namespace cairn {
namespace {

// No directory: nullopt.
absl::StatusOr<std::optional<std::vector<std::string>>> ListIfThere(
    const FileSystem& files, const std::string& path) {
  absl::StatusOr<std::vector<std::string>> names = files.List(path);
  if (names.ok()) return std::optional(*std::move(names));
  if (absl::IsNotFound(names.status())) return std::nullopt;
  return names.status();
}

void AddPacks(const std::vector<std::string>& names,
              const std::string& directory,
              const std::optional<Uuid>& datastore,
              std::vector<PackPath>& packs) {
  for (const std::string& name : names) {
    const absl::StatusOr<Uuid> uuid = PackUuidOf(name);
    if (!uuid.ok()) continue;
    packs.push_back({*uuid, datastore, absl::StrCat(directory, "/", name)});
  }
}

absl::Status AddDatastores(const FileSystem& files,
                           const std::vector<std::string>& names,
                           const std::string& root,
                           std::vector<PackPath>& packs) {
  for (const std::string& name : names) {
    const absl::StatusOr<Uuid> uuid = Uuid::Parse(name);
    if (!uuid.ok()) continue;
    const std::string directory = absl::StrCat(root, "/", name, "/packs");
    ASSIGN_OR_RETURN(const auto found, ListIfThere(files, directory));
    if (found.has_value()) AddPacks(*found, directory, *uuid, packs);
  }
  return absl::OkStatus();
}

std::string_view LastName(std::string_view path) {
  return path.substr(
      path.rfind('/') == std::string_view::npos ? 0 : path.rfind('/') + 1);
}

// Whose packs a directory of packs holds, if its path says so.
std::optional<Uuid> DatastoreOfPath(std::string_view path) {
  if (LastName(path) == "packs" && path.size() > 6) {
    path.remove_suffix(6);
  }
  const absl::StatusOr<Uuid> uuid = Uuid::Parse(LastName(path));
  if (!uuid.ok()) return std::nullopt;
  return *uuid;
}

// Fills in whose the packs of a bare directory are.
absl::Status ReadDatastores(const FileSystem& files,
                            std::vector<PackPath>& packs) {
  for (PackPath& pack : packs) {
    ASSIGN_OR_RETURN(const std::unique_ptr<File> file,
                     files.OpenForRead(pack.path));
    const absl::StatusOr<std::string> block = file->ReadAt(0, kPackBlockBytes);
    if (!block.ok()) continue;
    const absl::StatusOr<PackHeader> header = DecodePackHeader(*block);
    if (header.ok() && header->pack == pack.pack) {
      pack.datastore = header->datastore;
    }
  }
  return absl::OkStatus();
}

bool HasKind(std::span<const RecordKind> kinds, RecordKind kind) {
  return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
}

// Whether a pack of this class may hold one of `kinds`.
bool NeedsClass(std::span<const RecordKind> kinds, PackClass pack_class) {
  return std::any_of(kinds.begin(), kinds.end(), [&](RecordKind kind) {
    return ClassOf(kind) == pack_class;
  });
}

PackDamage DamageOf(const PackPath& pack, const PackEntry& entry,
                    std::string why) {
  return {.path = pack.path,
          .offset = entry.offset,
          .length = RecordExtent(entry.stored_length),
          .entry = entry,
          .why = std::move(why)};
}

}  // namespace

absl::StatusOr<PackDirectory> PackDirectory::Open(const FileSystem* files,
                                                  const std::string& path) {
  std::string directory = path;
  while (directory.size() > 1 && directory.back() == '/') directory.pop_back();
  std::vector<PackPath> packs;
  for (const std::string_view below :
       {"/chunk_storage/datastores", "/datastores"}) {
    const std::string root = absl::StrCat(directory, below);
    ASSIGN_OR_RETURN(const auto names, ListIfThere(*files, root));
    if (!names.has_value()) continue;
    RETURN_IF_ERROR(AddDatastores(*files, *names, root, packs));
    directory.clear();
    break;
  }
  if (!directory.empty() && LastName(directory) == "datastores") {
    ASSIGN_OR_RETURN(const auto names, files->List(directory));
    RETURN_IF_ERROR(AddDatastores(*files, names, directory, packs));
    directory.clear();
  }
  if (!directory.empty()) {
    const std::string inner = absl::StrCat(directory, "/packs");
    ASSIGN_OR_RETURN(auto names, ListIfThere(*files, inner));
    if (names.has_value()) {
      directory = inner;
    } else {
      ASSIGN_OR_RETURN(names, files->List(directory));
    }
    const std::optional<Uuid> datastore = DatastoreOfPath(directory);
    AddPacks(*names, directory, datastore, packs);
    if (!datastore.has_value()) RETURN_IF_ERROR(ReadDatastores(*files, packs));
  }
  std::sort(
      packs.begin(), packs.end(), [](const PackPath& a, const PackPath& b) {
        return std::tie(a.datastore, a.pack) < std::tie(b.datastore, b.pack);
      });
  return PackDirectory(files, std::move(packs));
}

std::vector<Uuid> PackDirectory::Datastores() const {
  std::vector<Uuid> datastores;
  for (const PackPath& pack : packs_) {
    if (!pack.datastore.has_value()) continue;
    if (!datastores.empty() && datastores.back() == *pack.datastore) continue;
    datastores.push_back(*pack.datastore);
  }
  return datastores;
}

absl::Status PackDirectory::WalkPack(const PackPath& pack,
                                     std::span<const RecordKind> kinds,
                                     const VisitFileEntry& visit,
                                     const VisitDamage& damage) const {
  ASSIGN_OR_RETURN(const std::unique_ptr<PackFile> file,
                   PackFile::Open(*files_, pack.path));
  const absl::StatusOr<std::string> block = file->Reader()(0, kPackBlockBytes);
  if (block.ok()) {
    const absl::StatusOr<PackHeader> header = DecodePackHeader(*block);
    if (header.ok() && !NeedsClass(kinds, header->pack_class)) {
      return absl::OkStatus();
    }
  }
  ASSIGN_OR_RETURN(const PackSurvey survey, file->Survey(SurveyDepth::kFooter));
  if (survey.header.has_value() && pack.datastore.has_value() &&
      survey.header->datastore != *pack.datastore) {
    damage({.path = pack.path,
            .length = file->size_bytes(),
            .why = absl::StrCat("belongs to datastore ",
                                survey.header->datastore.ToString())});
    return absl::OkStatus();
  }
  for (const PackScanner::DamagedRange& range : survey.damaged_ranges) {
    damage({.path = pack.path,
            .offset = range.offset,
            .length = range.length,
            .why = "no record that proves"});
  }
  for (const PackEntry& entry : survey.damaged) {
    if (HasKind(kinds, entry.key.kind)) {
      damage(DamageOf(pack, entry, "payload does not prove"));
    }
  }
  for (const PackEntry& entry : survey.records) {
    if (HasKind(kinds, entry.key.kind)) RETURN_IF_ERROR(visit(*file, entry));
  }
  return absl::OkStatus();
}

absl::Status PackDirectory::ForEachEntry(std::span<const RecordKind> kinds,
                                         const VisitEntry& visit,
                                         const VisitDamage& damage) const {
  for (uint32_t i = 0; i < packs_.size(); ++i) {
    RETURN_IF_ERROR(WalkPack(
        packs_[i], kinds,
        [&](const PackFile&, const PackEntry& entry) {
          return visit(i, entry);
        },
        damage));
  }
  return absl::OkStatus();
}

absl::Status PackDirectory::ForEachRecord(std::span<const RecordKind> kinds,
                                          const VisitRecord& visit,
                                          const VisitDamage& damage) const {
  for (uint32_t i = 0; i < packs_.size(); ++i) {
    RETURN_IF_ERROR(WalkPack(
        packs_[i], kinds,
        [&](const PackFile& file, const PackEntry& entry) -> absl::Status {
          const absl::StatusOr<Record> record =
              file.ReadRecord(entry.key, entry.offset, entry.stored_length);
          if (record.ok()) return visit(i, entry, *record);
          if (!absl::IsDataLoss(record.status())) return record.status();
          damage(DamageOf(packs_[i], entry,
                          std::string(record.status().message())));
          return absl::OkStatus();
        },
        damage));
  }
  return absl::OkStatus();
}

}  // namespace cairn
