#include "client/cli/commands/changes.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/backup/pipe_producer.h"
#include "client/backup/range_list.h"
#include "client/cli/snapshot_argument.h"
#include "client/posix/local_file.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

// Which list is of which archive.
struct ListArgument {
  std::string archive;
  std::string path;  // "-" is stdin
};

// "NAME.img=FILE", or "FILE" if there is one image.
absl::StatusOr<ListArgument> ParseList(const std::string& text,
                                       const BackupRequest& request) {
  std::vector<std::string> images;
  const std::string before = text.substr(0, text.find('='));
  for (const ArchiveSpec& spec : request.archives) {
    if (spec.name == before && before.size() < text.size()) {
      return ListArgument{before, text.substr(before.size() + 1)};
    }
    if (spec.kind == ArchiveKind::kImage) images.push_back(spec.name);
  }
  if (images.size() == 1) return ListArgument{images[0], text};
  return absl::InvalidArgumentError(absl::StrCat(
      "--changed-ranges ", text, ": ", images.size(),
      " images are backed up; say of which the list is, NAME.img=FILE"));
}

absl::StatusOr<RangeList> ReadList(const std::string& path,
                                   const Console& console) {
  if (path == "-") {
    PipeProducer producer(console.stdin_fd, "stdin", console.interrupt);
    return ReadRangeList(producer, "stdin");
  }
  ASSIGN_OR_RETURN(const FileDescriptor fd,
                   OpenToReadOnce(path, *console.interrupt));
  PipeProducer producer(fd.get(), path, console.interrupt);
  return ReadRangeList(producer, path);
}

absl::Status AddLists(const std::vector<std::string>& texts,
                      const Console& console, const NoticeListener& notice,
                      BackupRequest* request) {
  bool stdin_is_read = std::any_of(
      request->archives.begin(), request->archives.end(),
      [](const ArchiveSpec& spec) { return spec.source == SourceKind::kPipe; });
  for (const std::string& text : texts) {
    ASSIGN_OR_RETURN(const ListArgument list, ParseList(text, *request));
    if (request->changes.ranges.count(list.archive) > 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("--changed-ranges is given twice for ", list.archive));
    }
    if (list.path == "-" && std::exchange(stdin_is_read, true)) {
      return absl::InvalidArgumentError(
          absl::StrCat("--changed-ranges ", text,
                       ": stdin is read for something else already"));
    }
    ASSIGN_OR_RETURN(RangeList ranges, ReadList(list.path, console));
    if (ranges.empty()) {
      notice(absl::StrCat(list.archive, ": ", list.path,
                          " names no range: all is taken from the base"));
    }
    request->changes.ranges.emplace(list.archive, std::move(ranges));
  }
  return absl::OkStatus();
}

absl::StatusOr<SnapshotName> FindBase(const std::string& text,
                                      CommandContext& context,
                                      RetryBudget& budget) {
  ASSIGN_OR_RETURN(const NamespaceName scope, context.scope());
  ASSIGN_OR_RETURN(const SnapshotArgument argument,
                   ParseSnapshotArgument(text, scope));
  ASSIGN_OR_RETURN(CatalogRemote* const catalog, context.catalog());
  while (true) {
    absl::StatusOr<SnapshotName> found = ResolveSnapshot(argument, *catalog);
    if (found.ok()) return found;
    if (absl::IsNotFound(found.status())) {
      return WithReason(
          absl::FailedPreconditionError(absl::StrCat("the base is not there: ",
                                                     found.status().message())),
          reason::kReuseRefused);
    }
    RETURN_IF_ERROR(budget.WaitAfter(found.status()));
  }
}

}  // namespace

void AddChangesOptions(CLI::App* command, ChangesArguments* arguments) {
  command->add_option(
      "--base", arguments->base,
      "write images as this snapshot, the newest of the group, has them, with "
      "what changed since: GROUP/latest or GROUP/YYYY-MM-DDThh:mm:ssZ. Only "
      "that is read and sent, and nothing checks that it is all. Exit code 14 "
      "says that the base cannot be used: then back up whole");
  command
      ->add_option(
          "--changed-ranges", arguments->changed,
          "FILE with the ranges that changed since --base; - is stdin. A line "
          "each: OFFSET LENGTH in bytes, decimal or 0x and hexadecimal, as "
          "`cairn diff` prints them; # begins a comment; in any order. The "
          "bytes are read from PATH, which also says the size. With several "
          "images NAME.img=FILE, once for each that is not to be read whole")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

absl::Status AddChanges(const ChangesArguments& arguments,
                        CommandContext& context, RetryBudget& budget,
                        const NoticeListener& notice, BackupRequest* request) {
  RETURN_IF_ERROR(
      AddLists(arguments.changed, context.console(), notice, request));
  if (arguments.base.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(request->changes.base,
                   FindBase(arguments.base, context, budget));
  return absl::OkStatus();
}

}  // namespace cairn::client
