#include "services/index/storage/run_file.h"

#include <array>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/digest/sha256.h"
#include "common/log/log.h"
#include "common/model/digest.h"
#include "common/status/status_macros.h"

namespace cairn::index {
namespace {

constexpr size_t kDigestBytes = sizeof(Digest);
constexpr size_t kHeaderBytes = kDigestBytes + sizeof(uint32_t);

template <typename T>
std::string_view BytesOf(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

Digest Prove(uint64_t run, uint64_t block, std::string_view content) {
  const std::array<std::string_view, 3> pieces = {BytesOf(run), BytesOf(block),
                                                  content};
  return Sha256(pieces);
}

}  // namespace

RunFile::~RunFile() {
  const absl::Status removed = files_->Remove(path_);
  if (!removed.ok()) {
    LOG(WARNING) << "file of a sweep is not removed path=" << path_ << " why=\""
                 << removed.message() << "\"";
  }
}

absl::StatusOr<std::unique_ptr<RunDirectory>> RunDirectory::Open(
    FileSystem* files, std::string path) {
  RETURN_IF_ERROR(files->CreateDirectories(path));
  ASSIGN_OR_RETURN(const std::vector<std::string> names, files->List(path));
  for (const std::string& name : names) {
    RETURN_IF_ERROR(files->Remove(absl::StrCat(path, "/", name)));
  }
  return std::unique_ptr<RunDirectory>(
      new RunDirectory(files, std::move(path)));
}

absl::StatusOr<RunWriter> RunWriter::Create(RunDirectory* directory) {
  const uint64_t number = directory->next_number_.fetch_add(1);
  std::string path = absl::StrCat(directory->path_, "/", number, ".run");
  ASSIGN_OR_RETURN(auto file, directory->files_->Create(path));
  return RunWriter(std::shared_ptr<RunFile>(new RunFile(
      directory->files_, std::move(path), number, std::move(file))));
}

absl::Status RunWriter::Append(std::string_view block) {
  CHECK_LE(block.size(), kMaxRunBlockBytes);
  const Digest digest = Prove(run_->number_, run_->blocks_, block);
  const uint32_t length = static_cast<uint32_t>(block.size());
  const std::array<std::string_view, 3> pieces = {digest.view(),
                                                  BytesOf(length), block};
  RETURN_IF_ERROR(run_->file_->WriteAt(end_, pieces));
  end_ += kHeaderBytes + block.size();
  ++run_->blocks_;
  return absl::OkStatus();
}

std::shared_ptr<const RunFile> RunWriter::Finish(uint64_t entries) && {
  run_->entries_ = entries;
  return std::move(run_);
}

absl::Status RunReader::Damaged(std::string_view what) const {
  return absl::DataLossError(absl::StrCat("file ", run_->path_, ", block ",
                                          block_, " of ", run_->blocks_, ": ",
                                          what));
}

absl::StatusOr<std::optional<std::string>> RunReader::Next() {
  if (block_ == run_->blocks_) return std::nullopt;
  ASSIGN_OR_RETURN(
      std::string bytes,
      run_->file_->ReadAt(offset_, kHeaderBytes + kMaxRunBlockBytes));
  uint32_t length = 0;
  if (bytes.size() >= kHeaderBytes) {
    std::memcpy(&length, bytes.data() + kDigestBytes, sizeof(length));
  }
  if (bytes.size() < kHeaderBytes || length > bytes.size() - kHeaderBytes) {
    return Damaged(
        absl::StrCat("it ends too early, at ", bytes.size(), " bytes"));
  }
  const std::string_view content =
      std::string_view(bytes).substr(kHeaderBytes, length);
  if (Prove(run_->number_, block_, content).view() !=
      std::string_view(bytes).substr(0, kDigestBytes)) {
    return Damaged("its digest is wrong");
  }
  offset_ += kHeaderBytes + length;
  ++block_;
  bytes.resize(kHeaderBytes + length);
  bytes.erase(0, kHeaderBytes);
  return bytes;
}

}  // namespace cairn::index
