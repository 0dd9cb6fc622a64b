#include "client/cli/render/task_report.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/cli/render/format.h"
#include "client/cli/render/table.h"
#include "client/cli/render/task.h"
#include "client/cli/render/task_options.h"
#include "client/cli/span.h"

namespace cairn::client {
namespace {

using namespace maintenance::v1;  // NOLINT: this file is about nothing else

using Later = GcResult::Later;

std::string WhyNotYet(const Later& later) {
  switch (later.reason()) {
    case Later::TRASH:
      return absl::StrCat("in trash until ", FormatTime(later.until()));
    case Later::SESSION:
      return absl::StrCat("an open backup may need it: ", later.holder());
    case Later::THRESHOLD:
      return "in packs that are live enough; --live-percent moves the limit";
    case Later::BUDGET:
      return "the time or bytes of this run were over; run gc again";
    case Later::DAMAGE:
      return "in damaged packs, until they are healed; run cairn verify";
    default:
      return "";
  }
}

void PrintGc(const GcResult& result, bool is_plan, std::ostream& out) {
  Table table(
      {{"FREED"}, {"BYTES", Table::Align::kRight}, {"HOW, OR WHY NOT YET"}});
  table.AddRow({is_plan ? "by such a gc" : "now",
                FormatBytes(result.freed_bytes()),
                absl::StrCat(result.removed_packs(), " packs removed, ",
                             result.compacted_packs(), " compacted, ",
                             FormatBytes(result.copied_bytes()), " copied")});
  for (const Later& later : result.later()) {
    table.AddRow({"later", FormatBytes(later.bytes()), WhyNotYet(later)});
  }
  table.Print(out, "");
  out << "\n"
      << result.dropped_records() << " chunks, pages and manifests of "
      << FormatBytes(result.dropped_bytes()) << " dropped, "
      << result.dropped_pages() << " page rows, " << result.removed_snapshots()
      << " snapshots gone\n"
      << result.snapshots() << " snapshots refer to "
      << FormatBytes(result.logical_bytes()) << ", kept as "
      << FormatBytes(result.marked_bytes()) << "; packs take "
      << FormatBytes(result.pack_bytes()) << "\n";
  if (result.missing_records() > 0) {
    out << result.missing_records()
        << " chunks or pages that snapshots refer to are missing; "
           "`cairn verify` tells whose they are\n";
  }
}

void PrintVerify(const VerifyResult& result, std::ostream& out) {
  out << result.snapshots() << " snapshots: " << result.verified_ok()
      << " good, " << result.verified_failed() << " damaged\n"
      << result.packs() << " packs, " << result.records() << " records, "
      << FormatBytes(result.bytes()) << " read; " << result.damaged_records()
      << " records damaged, " << result.missing_records() << " missing\n";
  if (!result.complete()) {
    out << "the budget was over before all was proved; the next run goes on "
           "with the oldest proofs\n";
  }
  if (result.damage().empty()) return;
  out << "\n";
  Table table({{"SNAPSHOT"},
               {"ARCHIVE"},
               {"OFFSET", Table::Align::kRight},
               {"LENGTH", Table::Align::kRight}});
  for (const VerifyResult::Damage& damage : result.damage()) {
    uint64_t shown = 0;
    for (const model::v1::DamagedRange& range : damage.ranges()) {
      shown += range.length();
      table.AddRow({damage.snapshot(), range.archive(),
                    absl::StrCat(range.offset()),
                    absl::StrCat(range.length())});
    }
    if (damage.damaged_bytes() > shown || damage.ranges().empty()) {
      table.AddRow({damage.snapshot(), "and more", "",
                    absl::StrCat(damage.damaged_bytes() - shown)});
    }
  }
  table.Print(out, "");
  if (result.verified_failed() > static_cast<uint64_t>(result.damage_size())) {
    out << "and "
        << result.verified_failed() -
               static_cast<uint64_t>(result.damage_size())
        << " more damaged snapshots; `cairn snapshot list` shows them\n";
  }
}

void PrintRow(const char* name, const std::string& text, std::ostream& out) {
  out << name << Printable(text) << "\n";
}

absl::Duration Elapsed(const Task& task) {
  return absl::Seconds(task.end_time().seconds() - task.start_time().seconds());
}

}  // namespace

void PrintPruneCounts(const PruneResult& result, bool is_plan,
                      std::ostream& out) {
  out << result.groups() << " groups: " << result.kept() << " snapshots "
      << (is_plan ? "to be kept, " : "kept, ") << result.forgotten()
      << (is_plan ? " to be forgotten" : " forgotten") << "\n";
  if (result.refused() > 0) {
    out << result.refused()
        << " of the kept ones by a guard alone; the reasons say which\n";
  }
  if (result.failed() > 0) {
    out << result.failed()
        << " could not be forgotten; `cairn task log` says why\n";
  }
  out << "plan " << Printable(result.plan_hash()) << "\n";
}

void PrintResult(const Task& task, std::ostream& out) {
  switch (task.result().result_case()) {
    case TaskResult::kPrune:
      PrintPruneCounts(task.result().prune(),
                       task.options().prune().validate_only(), out);
      break;
    case TaskResult::kGc:
      PrintGc(task.result().gc(), task.options().gc().validate_only(), out);
      break;
    case TaskResult::kVerify:
      PrintVerify(task.result().verify(), out);
      break;
    default:
      break;
  }
}

void PrintTask(const Task& task, std::ostream& out) {
  PrintRow("task       ", task.name(), out);
  PrintRow("kind       ", TaskKindName(task.kind()), out);
  PrintRow("options    ", DescribeOptions(task.options()), out);
  PrintRow("state      ", TaskStateName(task.state()), out);
  PrintRow("progress   ", DescribeProgress(task), out);
  if (!task.job().empty()) PrintRow("job        ", task.job(), out);
  PrintRow("request    ", task.request_id(), out);
  PrintRow("by         ", task.principal(), out);
  PrintRow("created    ", FormatTime(task.create_time()), out);
  PrintRow("started    ", FormatTime(task.start_time()), out);
  if (task.has_end_time()) {
    PrintRow("ended      ",
             absl::StrCat(FormatTime(task.end_time()),
                          task.has_start_time()
                              ? ", after " + FormatSpan(Elapsed(task))
                              : ""),
             out);
  }
  if (task.status().code() != 0) {
    PrintRow(
        "error      ",
        absl::StrCat(absl::StatusCodeToString(
                         static_cast<absl::StatusCode>(task.status().code())),
                     ": ", task.status().message()),
        out);
  }
  if (task.result().result_case() == TaskResult::RESULT_NOT_SET) return;
  out << "\n";
  PrintResult(task, out);
}

void PrintJob(const Job& job, std::ostream& out) {
  PrintRow("job        ", job.name(), out);
  PrintRow("kind       ", TaskKindName(KindOf(job.options())), out);
  PrintRow("options    ", DescribeOptions(job.options()), out);
  PrintRow("schedule   ", job.schedule().empty() ? "by hand" : job.schedule(),
           out);
  PrintRow("time zone  ", job.time_zone().empty() ? "UTC" : job.time_zone(),
           out);
  PrintRow("enabled    ", job.enabled() ? "yes" : "no", out);
  PrintRow("comment    ", job.comment(), out);
  PrintRow("next run   ", FormatTime(job.next_run()), out);
  PrintRow("last run   ", FormatTime(job.last_run()), out);
  if (!job.last_task().empty()) {
    PrintRow(
        "last task  ",
        absl::StrCat(job.last_task(), ", ", TaskStateName(job.last_state())),
        out);
  }
}

void PrintVerifyState(const GetVerifyStateResponse& state, std::ostream& out) {
  Table table({{"PROVED WITHIN"},
               {"BYTES", Table::Align::kRight},
               {"OF ALL", Table::Align::kRight}});
  for (const GetVerifyStateResponse::Age& age : state.ages()) {
    table.AddRow({FormatSpanArgument(age.within().seconds()),
                  FormatBytes(age.bytes()),
                  FormatShare(age.bytes(), state.pack_bytes())});
  }
  table.AddRow({"never", FormatBytes(state.never_proved_bytes()),
                FormatShare(state.never_proved_bytes(), state.pack_bytes())});
  table.Print(out, "");
  out << "packs hold " << FormatBytes(state.pack_bytes())
      << "; oldest proof: " << FormatTime(state.oldest_proof()) << "\n";
}

}  // namespace cairn::client
