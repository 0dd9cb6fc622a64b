#include "common/page/page.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/model/record.h"
#include "common/page/byte_reader.h"
#include "common/status/status_macros.h"

namespace cairn {
namespace {

constexpr char kMagic[] = "CPG1";

// The form byte of a leaf entry.
enum Form : uint8_t {
  kChunkForm = 0,
  kChunkRunForm = 1,
  kHoleForm = 2,
  kDomainChunkForm = 3,
  kDomainChunkRunForm = 4,
};
constexpr size_t kMinLeafEntryBytes = 2;
constexpr size_t kMinChildBytes = 3 + sizeof(Digest);

absl::Status Wrong(std::string_view what) {
  return absl::InvalidArgumentError(what);
}

absl::Status ValidateChild(const PageChild& child) {
  if (child.size_bytes == 0 || child.size_bytes > kMaxArchiveBytes) {
    return Wrong(absl::StrCat("child page has ", child.size_bytes,
                              " bytes, allowed are 1..", kMaxArchiveBytes));
  }
  // A chunk has 1..kMaxRecordPlainBytes bytes, and what is no hole is chunks.
  if (child.hole_bytes > child.size_bytes ||
      child.chunk_count > child.size_bytes - child.hole_bytes ||
      (child.size_bytes - child.hole_bytes + kMaxRecordPlainBytes - 1) /
              kMaxRecordPlainBytes >
          child.chunk_count) {
    return Wrong(absl::StrCat("child page of ", child.size_bytes, " bytes has ",
                              child.hole_bytes, " bytes of holes and ",
                              child.chunk_count, " chunks"));
  }
  return absl::OkStatus();
}

// Proves a page entry by entry: the same for what is encoded and decoded.
class PageProof {
 public:
  absl::Status Add(const ChunkEntry& entry, const ChunkEntry* previous) {
    RETURN_IF_ERROR(ValidateEntry(entry));
    if (previous != nullptr && IsJoinable(*previous, entry)) {
      return Wrong("entry is not joined with the equal one before");
    }
    return AddBytes(entry.total_length());
  }
  absl::Status Add(const PageChild& child) {
    RETURN_IF_ERROR(ValidateChild(child));
    return AddBytes(child.size_bytes);
  }

 private:
  absl::Status AddBytes(uint64_t bytes) {
    if (bytes > kMaxArchiveBytes - size_bytes_) {
      return Wrong(
          absl::StrCat("page has more than ", kMaxArchiveBytes, " bytes"));
    }
    size_bytes_ += bytes;
    return absl::OkStatus();
  }

  uint64_t size_bytes_ = 0;
};

absl::Status ValidateShape(uint64_t level, uint64_t count) {
  if (level > kMaxPageLevel) {
    return Wrong(absl::StrCat("page level is ", level, ", allowed are 0..",
                              kMaxPageLevel));
  }
  if (count > kMaxPageEntries || (count == 0 && level > 0)) {
    return Wrong(absl::StrCat("page of level ", level, " has ", count,
                              " entries, allowed are ", level > 0 ? 1 : 0, "..",
                              kMaxPageEntries));
  }
  return absl::OkStatus();
}

absl::Status ValidatePage(const Page& page) {
  const bool is_leaf = page.level == 0;
  if (!(is_leaf ? page.children.empty() : page.entries.empty())) {
    return Wrong("page has both entries and children");
  }
  RETURN_IF_ERROR(ValidateShape(
      page.level, is_leaf ? page.entries.size() : page.children.size()));
  PageProof proof;
  for (size_t i = 0; i < page.entries.size(); ++i) {
    RETURN_IF_ERROR(
        proof.Add(page.entries[i], i == 0 ? nullptr : &page.entries[i - 1]));
  }
  for (const PageChild& child : page.children) {
    RETURN_IF_ERROR(proof.Add(child));
  }
  return absl::OkStatus();
}

void AppendEntry(const ChunkEntry& entry, std::string& out) {
  if (entry.is_hole) {
    out.push_back(kHoleForm);
    AppendVarint(entry.length, out);
    return;
  }
  const bool is_run = entry.repeat > 1;
  const bool has_domain = !entry.domain.is_plaintext();
  out.push_back(has_domain ? (is_run ? kDomainChunkRunForm : kDomainChunkForm)
                           : (is_run ? kChunkRunForm : kChunkForm));
  AppendVarint(entry.length, out);
  if (is_run) AppendVarint(entry.repeat, out);
  if (has_domain) out.append(entry.domain.view());
  out.append(entry.digest.view());
}

void AppendChild(const PageChild& child, std::string& out) {
  AppendVarint(child.size_bytes, out);
  AppendVarint(child.chunk_count, out);
  AppendVarint(child.hole_bytes, out);
  out.append(child.page.view());
}

// Decodes one page. Its methods return false, or nullopt, with `error_` set
// or empty (the bytes end too early) when the bytes are not canonical.
class PageDecoder {
 public:
  explicit PageDecoder(std::string_view encoded) : reader_(encoded) {}

  absl::StatusOr<Page> Decode() {
    Page page;
    size_t entry_start = 0;
    if (DecodePage(page, entry_start)) return page;
    return absl::DataLossError(absl::StrCat(
        "page encoding at byte ", entry_start, ": ",
        error_.empty() ? "it ends too early or has a varint that is not in "
                         "its shortest form"
                       : error_));
  }

 private:
  bool DecodePage(Page& page, size_t& start) {
    if (reader_.remaining() > kMaxPageBytes) {
      return Refuse(absl::StrCat("it has ", reader_.remaining(),
                                 " bytes, allowed are ", kMaxPageBytes));
    }
    if (reader_.Bytes(sizeof(kMagic) - 1) != std::string_view(kMagic)) {
      return Refuse(absl::StrCat("it does not begin with ", kMagic));
    }
    start = reader_.position();
    const std::optional<uint8_t> level = reader_.Byte();
    const std::optional<uint64_t> count = reader_.Varint();
    if (!level || !count || !Accept(ValidateShape(*level, *count))) {
      return false;
    }
    page.level = *level;
    const bool is_leaf = *level == 0;
    start = reader_.position();
    if (*count * (is_leaf ? kMinLeafEntryBytes : kMinChildBytes) >
        reader_.remaining()) {
      return Refuse(absl::StrCat("it has ", *count, " entries in ",
                                 reader_.remaining(), " bytes"));
    }
    is_leaf ? page.entries.reserve(*count) : page.children.reserve(*count);
    for (uint64_t i = 0; i < *count; ++i) {
      start = reader_.position();
      if (!(is_leaf ? DecodeEntry(page.entries) : DecodeChild(page.children))) {
        return false;
      }
    }
    start = reader_.position();
    return reader_.remaining() == 0 ||
           Refuse(absl::StrCat("it has ", reader_.remaining(),
                               " bytes after its last entry"));
  }

  bool DecodeEntry(std::vector<ChunkEntry>& entries) {
    const std::optional<uint8_t> form = reader_.Byte();
    if (form.has_value() && *form > kDomainChunkRunForm) {
      return Refuse(absl::StrCat("entry form is ", *form, ", known are 0..",
                                 kDomainChunkRunForm));
    }
    const std::optional<uint64_t> length = reader_.Varint();
    if (!form || !length) return false;
    ChunkEntry entry{.is_hole = *form == kHoleForm, .length = *length};
    if (!entry.is_hole && !DecodeChunk(*form, entry)) return false;
    if (!Accept(
            proof_.Add(entry, entries.empty() ? nullptr : &entries.back()))) {
      return false;
    }
    entries.push_back(entry);
    return true;
  }

  bool DecodeChunk(uint8_t form, ChunkEntry& entry) {
    if (form == kChunkRunForm || form == kDomainChunkRunForm) {
      const std::optional<uint64_t> repeat = reader_.Varint();
      if (!repeat) return false;
      if (*repeat < 2) return Refuse("run repeats less than twice");
      entry.repeat = *repeat;
    }
    if (form == kDomainChunkForm || form == kDomainChunkRunForm) {
      if (!Copy(entry.domain.bytes)) return false;
      if (entry.domain.is_plaintext()) return Refuse("domain is zero");
    }
    return Copy(entry.digest.bytes);
  }

  bool DecodeChild(std::vector<PageChild>& children) {
    const std::optional<uint64_t> size_bytes = reader_.Varint();
    const std::optional<uint64_t> chunk_count = reader_.Varint();
    const std::optional<uint64_t> hole_bytes = reader_.Varint();
    if (!size_bytes || !chunk_count || !hole_bytes) return false;
    PageChild child{.size_bytes = *size_bytes,
                    .chunk_count = *chunk_count,
                    .hole_bytes = *hole_bytes};
    if (!Copy(child.page.bytes) || !Accept(proof_.Add(child))) return false;
    children.push_back(child);
    return true;
  }

  template <size_t N>
  bool Copy(std::array<uint8_t, N>& to) {
    const std::optional<std::string_view> bytes = reader_.Bytes(N);
    if (!bytes) return false;
    std::memcpy(to.data(), bytes->data(), N);
    return true;
  }

  bool Refuse(std::string error) {
    error_ = std::move(error);
    return false;
  }
  bool Accept(const absl::Status& status) {
    return status.ok() || Refuse(std::string(status.message()));
  }

  ByteReader reader_;
  PageProof proof_;
  std::string error_;
};

}  // namespace

absl::Status ValidateEntry(const ChunkEntry& entry) {
  if (entry.length == 0 || entry.repeat == 0) {
    return Wrong(absl::StrCat("entry has length ", entry.length, " and repeat ",
                              entry.repeat, ", allowed are 1 and more"));
  }
  // Most have no repeat, and a division costs more than all the rest.
  const uint64_t most =
      entry.repeat == 1 ? kMaxArchiveBytes : kMaxArchiveBytes / entry.repeat;
  if (entry.length > most) {
    return Wrong(absl::StrCat("entry has length ", entry.length, " and repeat ",
                              entry.repeat, ", allowed are ", kMaxArchiveBytes,
                              " bytes in all"));
  }
  if (entry.is_hole) {
    if (entry.repeat == 1 && entry.domain == Domain{} &&
        entry.digest == Digest{}) {
      return absl::OkStatus();
    }
    return Wrong("hole has a repeat, a domain or a digest");
  }
  if (entry.length > kMaxRecordPlainBytes) {
    return Wrong(absl::StrCat("chunk has ", entry.length,
                              " bytes, allowed are ", kMaxRecordPlainBytes));
  }
  return absl::OkStatus();
}

bool IsJoinable(const ChunkEntry& first, const ChunkEntry& second) {
  if (first.is_hole || second.is_hole) return first.is_hole && second.is_hole;
  // The first bytes tell nearly all apart, without a call.
  return std::memcmp(first.digest.bytes.data(), second.digest.bytes.data(),
                     sizeof(uint64_t)) == 0 &&
         first.digest == second.digest && first.length == second.length &&
         first.domain == second.domain;
}

std::string EncodePage(const Page& page) {
  const absl::Status valid = ValidatePage(page);
  CHECK_OK(valid);
  std::string encoded(kMagic);
  encoded.push_back(static_cast<char>(page.level));
  if (page.level == 0) {
    AppendVarint(page.entries.size(), encoded);
    for (const ChunkEntry& entry : page.entries) AppendEntry(entry, encoded);
  } else {
    AppendVarint(page.children.size(), encoded);
    for (const PageChild& child : page.children) AppendChild(child, encoded);
  }
  return encoded;
}

absl::StatusOr<Page> DecodePage(std::string_view encoded) {
  return PageDecoder(encoded).Decode();
}

PageChild SummarizePage(const Digest& id, const Page& page) {
  PageChild summary{.page = id};
  for (const ChunkEntry& entry : page.entries) {
    summary.size_bytes += entry.total_length();
    (entry.is_hole ? summary.hole_bytes : summary.chunk_count) +=
        entry.is_hole ? entry.length : entry.repeat;
  }
  for (const PageChild& child : page.children) {
    summary.size_bytes += child.size_bytes;
    summary.chunk_count += child.chunk_count;
    summary.hole_bytes += child.hole_bytes;
  }
  return summary;
}

}  // namespace cairn
