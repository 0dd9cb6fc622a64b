#include "services/index/engine/session_pages.h"

#include <algorithm>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "common/digest/sha256.h"
#include "common/log/log_fields.h"
#include "common/page/page_walk.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "services/index/domain/session_rules.h"
#include "services/index/engine/catalog_lookup.h"

namespace cairn::index {
namespace {

// Children that are read at once to be checked, at most 6 MiB.
constexpr size_t kChildrenPerRead = 64;

absl::Status BadPage(size_t position, const Digest& id, std::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("pages[", position, "], ", id.ToHex(), ": ", why));
}

absl::StatusOr<std::vector<Page>> DecodeAll(
    const std::vector<EncodedPage>& pages) {
  size_t bytes = 0;
  for (const EncodedPage& page : pages) bytes += page.bytes.size();
  if (pages.empty() || pages.size() > kMaxPagesPerCall ||
      bytes > kMaxPageBytesPerCall) {
    return absl::InvalidArgumentError(
        absl::StrCat("there are ", pages.size(), " pages of ", bytes,
                     " bytes, allowed are 1..", kMaxPagesPerCall,
                     " of at most ", kMaxPageBytesPerCall));
  }
  std::vector<Page> decoded;
  decoded.reserve(pages.size());
  for (const EncodedPage& page : pages) {
    const Digest actual = Sha256(page.bytes);
    if (actual != page.id) {
      return BadPage(decoded.size(), page.id,
                     absl::StrCat("the digest of its ", page.bytes.size(),
                                  " bytes is ", actual.ToHex()));
    }
    absl::StatusOr<Page> one = DecodePage(page.bytes);
    if (!one.ok()) {
      return BadPage(decoded.size(), page.id, one.status().message());
    }
    if (one->level != page.level) {
      return BadPage(decoded.size(), page.id,
                     absl::StrCat("its level is ", one->level,
                                  ", the call says ", page.level));
    }
    decoded.push_back(*std::move(one));
  }
  return decoded;
}

// Whatever the session stores, or finds stored, counts as touched by it
// before it is looked for: a sweep that runs meanwhile keeps it.
void Touch(DatastoreState& state, uint64_t epoch,
           const std::vector<EncodedPage>& pages,
           const std::vector<Page>& decoded) {
  absl::MutexLock lock(&state.touch_mutex);
  for (const EncodedPage& page : pages) state.touches.Raise(page.id, epoch);
  for (const Page& page : decoded) {
    for (const PageChild& child : page.children) {
      state.touches.Raise(child.page, epoch);
    }
  }
}

}  // namespace

absl::StatusOr<SessionRow> SessionPages::CheckWritable(
    const DatastoreState& state, const IndexView& view,
    const SessionRef& session) const {
  const SessionName name{.datastore = state.info.name,
                         .session = session.session};
  SetLogField("session", name.session.ToString());
  ASSIGN_OR_RETURN(SessionRow row, LoadSession(view, name));
  const absl::Status open =
      CheckSessionOpen(name, row, session, state.numbers.fence);
  if (HasReason(open, reason::kSessionFenced)) {
    metrics_->fenced_calls.Increment();
  }
  RETURN_IF_ERROR(open);
  return row;
}

absl::Status SessionPages::CheckChildren(
    const Uuid& datastore, const std::vector<EncodedPage>& pages,
    const std::vector<Page>& decoded) const {
  absl::flat_hash_map<Digest, const std::string*> earlier;
  for (size_t i = 0; i < pages.size(); ++i) {
    std::span<const PageChild> rest = decoded[i].children;
    while (!rest.empty()) {
      const auto some = rest.first(std::min(rest.size(), kChildrenPerRead));
      rest = rest.subspan(some.size());
      std::vector<Digest> ids;
      for (const PageChild& child : some) ids.push_back(child.page);
      ASSIGN_OR_RETURN(const auto stored, store_->GetPages(datastore, ids));
      for (size_t k = 0; k < some.size(); ++k) {
        const auto sent = earlier.find(some[k].page);
        if (sent == earlier.end() && !stored[k].has_value()) {
          return BadPage(i, pages[i].id,
                         absl::StrCat("its child ", some[k].page.ToHex(),
                                      " is not stored; put it first"));
        }
        const std::string& bytes =
            sent == earlier.end() ? *stored[k] : *sent->second;
        const absl::Status same =
            FetchPage(some[k], decoded[i].level - 1,
                      [&bytes](const Digest&) -> absl::StatusOr<std::string> {
                        return bytes;
                      })
                .status();
        if (!same.ok()) return BadPage(i, pages[i].id, same.message());
      }
    }
    earlier.emplace(pages[i].id, &pages[i].bytes);
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> SessionPages::PutPages(
    const SessionRef& session, const std::vector<EncodedPage>& pages) {
  ASSIGN_OR_RETURN(const std::vector<Page> decoded, DecodeAll(pages));
  ASSIGN_OR_RETURN(DatastoreState* const state,
                   datastores_->Find(session.datastore));
  const Uuid& uuid = state->info.ref.uuid;
  {
    absl::ReaderMutexLock lock(&state->gate);
    RETURN_IF_ERROR(
        CheckWritable(*state, store_->NewView(uuid), session).status());
    Touch(*state, session.epoch, pages, decoded);
  }
  RETURN_IF_ERROR(CheckChildren(uuid, pages, decoded));
  std::vector<Digest> ids;
  for (const EncodedPage& page : pages) ids.push_back(page.id);
  ASSIGN_OR_RETURN(const auto stored, store_->GetPages(uuid, ids));
  IndexBatch batch(uuid);
  size_t known = 0;
  for (size_t i = 0; i < pages.size(); ++i) {
    // A row whose bytes have changed on disk is healed.
    if (stored[i].has_value() && *stored[i] == pages[i].bytes) {
      ++known;
    } else {
      batch.PutPage(pages[i].id, pages[i].bytes);
    }
  }
  {
    absl::ReaderMutexLock lock(&state->gate);
    RETURN_IF_ERROR(
        CheckWritable(*state, store_->NewView(uuid), session).status());
    if (!batch.changes().empty()) {
      RETURN_IF_ERROR(store_->Commit(batch, Durability::kBuffered));
    }
  }
  metrics_->pages_known.Increment(static_cast<double>(known));
  metrics_->pages_stored.Increment(static_cast<double>(pages.size() - known));
  return incarnation_;
}

// Rows are buffered until a synced batch follows, so a start since the session
// stored, or found, some may have lost them, children of the root included,
// which nobody looks for here.
absl::Status SessionPages::CheckIncarnation(const ArchiveCheckpoint& checkpoint,
                                            uint64_t incarnation) const {
  if (incarnation == 0 || incarnation == incarnation_) return absl::OkStatus();
  return WithReason(absl::FailedPreconditionError(absl::StrCat(
                        "archive ", checkpoint.name, ": index has incarnation ",
                        incarnation_, ", its pages were stored under ",
                        incarnation, "; resume it at its last checkpoint")),
                    reason::kIncarnationChanged);
}

absl::Status SessionPages::CheckRoot(const Uuid& datastore,
                                     const PageRoot& root) const {
  const auto source = [&](const Digest& id) -> absl::StatusOr<std::string> {
    ASSIGN_OR_RETURN(const auto stored,
                     store_->GetPages(datastore, std::span(&id, 1)));
    if (stored[0].has_value()) return *stored[0];
    return absl::InvalidArgumentError("is not stored; put it first");
  };
  const absl::Status same = FetchPage({.page = root.page,
                                       .size_bytes = root.size_bytes,
                                       .chunk_count = root.chunk_count,
                                       .hole_bytes = root.hole_bytes},
                                      root.level, source)
                                .status();
  if (same.ok()) return same;
  return absl::InvalidArgumentError(absl::StrCat("root: ", same.message()));
}

absl::Status SessionPages::CheckLimits(
    const IndexView& view, const Uuid& session,
    const ArchiveCheckpoint& checkpoint) const {
  ASSIGN_OR_RETURN(const std::vector<ArchiveCheckpoint> all,
                   view.ListCheckpoints(session));
  size_t archives = 1;
  size_t builder_bytes = checkpoint.builder_state.size();
  for (const ArchiveCheckpoint& other : all) {
    if (other.name == checkpoint.name) continue;
    ++archives;
    builder_bytes += other.builder_state.size();
  }
  if (archives > kMaxArchivesPerSnapshot) {
    return WithReason(
        absl::InvalidArgumentError(absl::StrCat(
            "archive ", checkpoint.name, " would be number ", archives,
            ", a snapshot has at most ", kMaxArchivesPerSnapshot)),
        reason::kLimitExceeded);
  }
  if (builder_bytes > kMaxBuilderBytesPerSession) {
    return WithReason(
        absl::ResourceExhaustedError(absl::StrCat(
            "the archives that are open have ", builder_bytes,
            " bytes of builder_state, allowed are at most ",
            kMaxBuilderBytesPerSession, "; complete some before new ones")),
        reason::kLimitExceeded);
  }
  return absl::OkStatus();
}

absl::Status SessionPages::SaveCheckpoint(const SessionRef& session,
                                          const ArchiveCheckpoint& checkpoint,
                                          uint64_t incarnation) {
  ASSIGN_OR_RETURN(DatastoreState* const state,
                   datastores_->Find(session.datastore));
  const Uuid& uuid = state->info.ref.uuid;
  absl::ReaderMutexLock lock(&state->gate);
  absl::MutexLock session_lock(&state->session_lock(session.session));
  const IndexView view = store_->NewView(uuid);
  ASSIGN_OR_RETURN(const SessionRow row, CheckWritable(*state, view, session));
  ASSIGN_OR_RETURN(const std::optional<ArchiveCheckpoint> previous,
                   view.GetCheckpoint(session.session, checkpoint.name));
  RETURN_IF_ERROR(CheckCheckpoint(previous, checkpoint));
  if (previous.has_value() &&
      (previous->complete() || previous->revision == checkpoint.revision)) {
    return absl::OkStatus();  // the same again
  }
  RETURN_IF_ERROR(CheckIncarnation(checkpoint, incarnation));
  if (row.publish_sequence != 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        "archive ", checkpoint.name, ": session ", session.session.ToString(),
        " is being published; finish it or ", "start a new one"));
  }
  RETURN_IF_ERROR(CheckLimits(view, session.session, checkpoint));
  if (checkpoint.root.has_value()) {
    {
      absl::MutexLock touch_lock(&state->touch_mutex);
      state->touches.Raise(checkpoint.root->page, session.epoch);
    }
    RETURN_IF_ERROR(CheckRoot(uuid, *checkpoint.root));
  }
  IndexBatch batch(uuid);
  ArchiveCheckpoint saved = checkpoint;
  if (previous.has_value()) {
    saved.stored_bytes = std::max(saved.stored_bytes, previous->stored_bytes);
  }
  batch.PutCheckpoint(session.session, saved);
  // Synced, and so is every page that was put before it: batches are lost
  // from the end only.
  RETURN_IF_ERROR(store_->Commit(batch, Durability::kSynced));
  metrics_->checkpoints.Increment();
  return absl::OkStatus();
}

}  // namespace cairn::index
