#include "common/page/page_tree_builder.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/digest/sha256.h"
#include "common/log/log.h"
#include "common/page/byte_reader.h"
#include "common/status/status_macros.h"

namespace cairn {
namespace {

constexpr char kStateMagic[] = "CPS1";
constexpr size_t kStateMagicBytes = sizeof(kStateMagic) - 1;

bool IsUsable(const PageCutRule& rule) {
  return rule.min_entries >= 2 && rule.min_entries <= rule.max_entries &&
         rule.max_entries <= kMaxPageEntries && rule.mean_entries >= 1;
}

size_t Count(const Page& page) {
  return page.level == 0 ? page.entries.size() : page.children.size();
}

// True if `page` ends after its first `count` entries; 1 <= count <= size.
bool EndsAfter(const PageCutRule& rule, const Page& page, size_t count) {
  if (page.level == kMaxPageLevel || count < rule.min_entries) return false;
  if (count >= rule.max_entries) return true;
  if (page.level == 0 && page.entries[count - 1].is_hole) return false;
  const Digest& id = page.level == 0 ? page.entries[count - 1].digest
                                     : page.children[count - 1].page;
  uint64_t number = 0;
  for (int i = 7; i >= 0; --i) number = number << 8 | id.bytes[i];
  return number % rule.mean_entries == 0;
}

void AppendPage(const Page& page, std::string& out) {
  if (Count(page) == 0) {
    AppendVarint(0, out);
    return;
  }
  const std::string encoded = EncodePage(page);
  AppendVarint(encoded.size(), out);
  out.append(encoded);
}

absl::Status WrongState(std::string_view what) {
  return absl::DataLossError(absl::StrCat("page tree state: ", what));
}

// A page of `level` as AppendPage wrote it.
absl::StatusOr<Page> ReadPage(ByteReader& reader, uint32_t level) {
  const std::optional<uint64_t> size = reader.Varint();
  if (!size || *size > reader.remaining()) {
    return WrongState("it ends within a page");
  }
  Page page{.level = level};
  if (*size == 0) return page;
  ASSIGN_OR_RETURN(page, DecodePage(*reader.Bytes(*size)));
  if (page.level != level || Count(page) == 0) {
    return WrongState(absl::StrCat("a page of level ", page.level, " with ",
                                   Count(page), " entries is at level ",
                                   level));
  }
  return page;
}

// Refuses an unfinished page that the builder would have ended.
absl::Status ValidateUnfinished(const PageCutRule& rule, const Page& page) {
  const size_t count = Count(page);
  if (count > rule.max_entries) {
    return WrongState(absl::StrCat("the page of level ", page.level, " has ",
                                   count, " entries, allowed are ",
                                   rule.max_entries));
  }
  for (size_t i = 1; i <= count; ++i) {
    if (EndsAfter(rule, page, i)) {
      return WrongState(absl::StrCat("the page of level ", page.level,
                                     " ends after ", i, " of ", count,
                                     " entries"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<PageCutRule> ReadRule(ByteReader& reader) {
  PageCutRule rule;
  for (uint32_t* number :
       {&rule.min_entries, &rule.mean_entries, &rule.max_entries}) {
    const std::optional<uint64_t> value = reader.Varint();
    if (!value || *value > UINT32_MAX) {
      return WrongState("it has no cut rule");
    }
    *number = static_cast<uint32_t>(*value);
  }
  return rule;
}

// The bytes of `state` without its checksum.
absl::StatusOr<std::string_view> ProveState(std::string_view state) {
  constexpr size_t kDigestBytes = sizeof(Digest);
  if (!state.starts_with(kStateMagic) ||
      state.size() < kStateMagicBytes + kDigestBytes) {
    return WrongState(absl::StrCat("its ", state.size(),
                                   " bytes do not begin with ", kStateMagic));
  }
  const std::string_view body = state.substr(0, state.size() - kDigestBytes);
  if (Sha256(body).view() != state.substr(body.size())) {
    return WrongState("its digest is wrong");
  }
  return body.substr(kStateMagicBytes);
}

}  // namespace

PageTreeBuilder::PageTreeBuilder(const PageCutRule& rule) : rule_(rule) {
  CHECK(IsUsable(rule)) << "min " << rule.min_entries << " mean "
                        << rule.mean_entries << " max " << rule.max_entries;
  levels_.emplace_back();
}

absl::Status PageTreeBuilder::Add(const ChunkEntry& entry) {
  RETURN_IF_ERROR(usable_);
  RETURN_IF_ERROR(ValidateEntry(entry));
  RETURN_IF_ERROR(ValidateGrowth(entry.total_length()));
  if (last_.has_value() && IsJoinable(*last_, entry)) {
    last_->is_hole ? last_->length += entry.length
                   : last_->repeat += entry.repeat;
  } else {
    if (last_.has_value()) RETURN_IF_ERROR(AddFinal(*last_));
    last_ = entry;
  }
  size_bytes_ += entry.total_length();
  return absl::OkStatus();
}

absl::StatusOr<bool> PageTreeBuilder::AddPage(uint32_t level,
                                              const PageChild& page) {
  CHECK_LT(level, kMaxPageLevel);
  RETURN_IF_ERROR(usable_);
  RETURN_IF_ERROR(ValidateGrowth(page.size_bytes));
  if (last_.has_value()) {
    // Final only if this ends its page: so no entry that follows can stand
    // beside one that it should have been joined to.
    Page leaf = levels_.front();
    leaf.entries.push_back(*last_);
    if (!EndsAfter(rule_, leaf, leaf.entries.size())) return false;
    RETURN_IF_ERROR(AddFinal(*last_));
    last_.reset();
  }
  for (uint32_t below = 0; below <= level && below < levels_.size(); ++below) {
    if (Count(levels_[below]) > 0) return false;
  }
  RETURN_IF_ERROR(AddChild(level + 1, page));
  size_bytes_ += page.size_bytes;
  return true;
}

absl::Status PageTreeBuilder::ValidateGrowth(uint64_t more) const {
  if (more <= kMaxArchiveBytes - size_bytes_) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("archive has ", size_bytes_, " bytes and an entry of ", more,
                   " follows, allowed are ", kMaxArchiveBytes));
}

absl::Status PageTreeBuilder::AddFinal(const ChunkEntry& entry) {
  Page& leaf = levels_.front();
  leaf.entries.push_back(entry);
  if (!EndsAfter(rule_, leaf, leaf.entries.size())) return absl::OkStatus();
  return CompletePage(0);
}

absl::Status PageTreeBuilder::AddChild(uint32_t level, const PageChild& child) {
  while (levels_.size() <= level) {
    levels_.push_back({.level = static_cast<uint32_t>(levels_.size())});
  }
  Page& page = levels_[level];
  if (page.children.size() == rule_.max_entries) {
    usable_ = absl::ResourceExhaustedError(absl::StrCat(
        "archive of ", size_bytes_, " bytes needs a page tree of more than ",
        kMaxPageLevel + 1, " levels; larger chunks need fewer"));
    return usable_;
  }
  page.children.push_back(child);
  if (!EndsAfter(rule_, page, page.children.size())) return absl::OkStatus();
  return CompletePage(level);
}

PageChild PageTreeBuilder::EmitPage(uint32_t level) {
  Page& page = levels_[level];
  std::string bytes = EncodePage(page);
  const Digest id = Sha256(bytes);
  const PageChild summary = SummarizePage(id, page);
  completed_.push_back({.id = id, .level = level, .bytes = std::move(bytes)});
  page.entries.clear();
  page.children.clear();
  return summary;
}

absl::Status PageTreeBuilder::CompletePage(uint32_t level) {
  // Ends: EndsAfter is false at kMaxPageLevel.
  return AddChild(level + 1, EmitPage(level));
}

std::vector<EncodedPage> PageTreeBuilder::TakePages() {
  return std::exchange(completed_, {});
}

absl::Status PageTreeBuilder::FinishLevels() {
  if (last_.has_value()) RETURN_IF_ERROR(AddFinal(*last_));
  last_.reset();
  // Completing a page may add a level, so that the one below the top is
  // looked for anew each time.
  for (uint32_t level = 0; level + 1 < levels_.size(); ++level) {
    if (Count(levels_[level]) > 0) RETURN_IF_ERROR(CompletePage(level));
  }
  return absl::OkStatus();
}

absl::StatusOr<PageRoot> PageTreeBuilder::Finish() {
  RETURN_IF_ERROR(usable_);
  RETURN_IF_ERROR(FinishLevels());
  usable_ = absl::FailedPreconditionError("page tree is finished");
  uint32_t level = top().level;
  PageChild root;
  if (level > 0 && top().children.size() == 1) {
    root = top().children.front();
    --level;
  } else {
    root = EmitPage(level);
  }
  return PageRoot{.page = root.page,
                  .level = level,
                  .size_bytes = root.size_bytes,
                  .chunk_count = root.chunk_count,
                  .hole_bytes = root.hole_bytes};
}

std::string PageTreeBuilder::SaveState() const {
  CHECK_OK(usable_);
  CHECK(completed_.empty()) << completed_.size() << " pages not taken";
  CHECK_EQ(last_.has_value(), size_bytes_ > 0);
  std::string state(kStateMagic);
  AppendVarint(rule_.min_entries, state);
  AppendVarint(rule_.mean_entries, state);
  AppendVarint(rule_.max_entries, state);
  AppendVarint(size_bytes_, state);
  Page last;
  if (last_.has_value()) last.entries.push_back(*last_);
  AppendPage(last, state);
  AppendVarint(levels_.size(), state);
  for (const Page& page : levels_) AppendPage(page, state);
  state.append(Sha256(state).view());
  return state;
}

absl::StatusOr<PageTreeBuilder> PageTreeBuilder::Restore(
    const PageCutRule& rule, std::string_view state) {
  ASSIGN_OR_RETURN(const std::string_view body, ProveState(state));
  ByteReader reader(body);
  ASSIGN_OR_RETURN(const PageCutRule saved_rule, ReadRule(reader));
  if (saved_rule != rule) {
    return WrongState("it was saved under another cut rule");
  }
  const std::optional<uint64_t> size_bytes = reader.Varint();
  if (!size_bytes) return WrongState("it has no size");
  ASSIGN_OR_RETURN(const Page last, ReadPage(reader, 0));
  const std::optional<uint64_t> level_count = reader.Varint();
  if (!level_count || *level_count < 1 || *level_count > kMaxPageLevel + 1) {
    return WrongState("it has no levels or too many");
  }

  PageTreeBuilder builder(rule);
  builder.levels_.clear();
  builder.size_bytes_ = *size_bytes;
  if (last.entries.size() > 1) return WrongState("it has two last entries");
  if (!last.entries.empty()) builder.last_ = last.entries.front();
  uint64_t found_bytes = SummarizePage(Digest{}, last).size_bytes;
  for (uint32_t level = 0; level < *level_count; ++level) {
    ASSIGN_OR_RETURN(Page page, ReadPage(reader, level));
    RETURN_IF_ERROR(ValidateUnfinished(rule, page));
    const uint64_t page_bytes = SummarizePage(Digest{}, page).size_bytes;
    if (page_bytes > kMaxArchiveBytes - found_bytes) {
      return WrongState("its sums overflow");
    }
    found_bytes += page_bytes;
    builder.levels_.push_back(std::move(page));
  }
  const std::vector<ChunkEntry>& leaf = builder.levels_.front().entries;
  if (reader.remaining() != 0 || found_bytes != *size_bytes ||
      (*level_count > 1 && Count(builder.top()) == 0) ||
      builder.last_.has_value() != (*size_bytes > 0) ||
      (!leaf.empty() && IsJoinable(leaf.back(), *builder.last_))) {
    return WrongState("its parts do not agree");
  }
  return builder;
}

std::vector<ChunkEntry> PageTreeBuilder::PendingEntries() const {
  std::vector<ChunkEntry> entries = levels_.front().entries;
  if (last_.has_value()) entries.push_back(*last_);
  return entries;
}

std::vector<PendingPage> PageTreeBuilder::PendingPages() const {
  std::vector<PendingPage> pages;
  for (const Page& page : levels_) {
    for (const PageChild& child : page.children) {
      pages.push_back({.level = page.level - 1, .page = child.page});
    }
  }
  return pages;
}

}  // namespace cairn
