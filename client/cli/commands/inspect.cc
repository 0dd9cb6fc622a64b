#include "client/cli/commands/inspect.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/render/format.h"
#include "client/cli/render/stored.h"
#include "client/cli/render/table.h"
#include "client/posix/local_error.h"
#include "common/digest/sha256.h"
#include "common/io/posix_file_system.h"
#include "common/pack/decode_record.h"
#include "common/pack/pack_file.h"
#include "common/page/page.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

struct Arguments {
  std::string path;
  std::optional<uint64_t> offset;
  std::string output;
  bool quick = false;
};

// Longest raw file that is decoded: no page or manifest is longer.
constexpr uint64_t kMaxRawBytes = uint64_t{1} << 20;

// An error of this machine's files, so that the next step names them.
absl::Status Local(const absl::Status& status) {
  if (status.ok() || absl::IsDataLoss(status) ||
      absl::IsInvalidArgument(status) || absl::IsOutOfRange(status) ||
      absl::IsAlreadyExists(status)) {
    return status;
  }
  return WithReason(status, kLocalIo);
}

absl::StatusOr<std::unique_ptr<PackFile>> OpenPack(const std::string& path) {
  const PosixFileSystem files;
  absl::StatusOr<std::unique_ptr<PackFile>> pack = PackFile::Open(files, path);
  if (!pack.ok()) return Local(pack.status());
  return pack;
}

std::string ClassName(PackClass pack_class) {
  return pack_class == PackClass::kData ? "data" : "metadata";
}

// One line of a pack's table; `proves` is none where nobody looked.
struct Line {
  PackEntry entry;
  std::optional<bool> proves;
};

std::vector<Line> LinesOf(const PackSurvey& survey) {
  std::vector<Line> lines;
  for (const PackEntry& entry : survey.records) {
    lines.push_back(
        {entry, survey.proved ? std::optional(true) : std::nullopt});
  }
  for (const PackEntry& entry : survey.damaged) lines.push_back({entry, false});
  std::sort(lines.begin(), lines.end(), [](const Line& a, const Line& b) {
    return a.entry.offset < b.entry.offset;
  });
  return lines;
}

Json EntryJson(const PackEntry& entry) {
  Json json = {{"offset", entry.offset}};
  json.update(ToJson(entry.key));
  json["encoding"] = std::string(EncodingName(entry.encoding));
  json["plain_bytes"] = entry.plain_length;
  json["stored_bytes"] = entry.stored_length;
  json["epoch"] = entry.epoch;
  json["sequence"] = entry.sequence;
  return json;
}

Json PackJson(const PackFile& pack, const PackSurvey& survey) {
  Json records = Json::array();
  for (const Line& line : LinesOf(survey)) {
    Json record = EntryJson(line.entry);
    record["proves"] =
        line.proves.has_value() ? Json(*line.proves) : Json(nullptr);
    records.push_back(std::move(record));
  }
  Json damaged = Json::array();
  for (const PackScanner::DamagedRange& range : survey.damaged_ranges) {
    damaged.push_back({{"offset", range.offset}, {"length", range.length}});
  }
  const bool header = survey.header.has_value();
  return {{"path", pack.path()},
          {"pack", pack.pack().ToString()},
          {"size_bytes", pack.size_bytes()},
          {"header_proves", header},
          {"datastore",
           header ? Json(survey.header->datastore.ToString()) : Json(nullptr)},
          {"class", ClassName(survey.pack_class())},
          {"footer", survey.has_footer ? "valid" : "none"},
          {"damaged_bytes", survey.damaged_bytes},
          {"damaged", std::move(damaged)},
          {"records", std::move(records)}};
}

void PrintPack(const PackFile& pack, const PackSurvey& survey,
               std::ostream& out) {
  out << "pack       " << pack.pack().ToString() << ", "
      << FormatBytes(pack.size_bytes()) << ", "
      << ClassName(survey.pack_class()) << "\n"
      << "header     "
      << (survey.header.has_value()
              ? "proves; of datastore " + survey.header->datastore.ToString()
              : std::string("DAMAGED"))
      << "\n"
      << "footer     "
      << (survey.has_footer
              ? "valid: the pack was closed by its writer"
              : "none that proves: not closed by its writer, or damaged; "
                "records were found by a scan")
      << "\n"
      << "records    " << survey.records.size()
      << (survey.proved ? " prove" : " in the footer, not read (--quick)")
      << ", " << survey.damaged.size() << " damaged\n"
      << "damage     " << survey.damaged_bytes << " bytes\n";
  for (const PackScanner::DamagedRange& range : survey.damaged_ranges) {
    out << "           " << range.length << " bytes at " << range.offset
        << "\n";
  }
  out << "\n";
  constexpr auto kRight = Table::Align::kRight;
  Table table({{"OFFSET", kRight},
               {"KIND"},
               {"DIGEST"},
               {"ENCODING"},
               {"PLAIN", kRight},
               {"STORED", kRight},
               {"EPOCH", kRight},
               {"SEQUENCE", kRight},
               {"PROVES"}});
  for (const auto& [entry, proves] : LinesOf(survey)) {
    table.AddRow(
        {absl::StrCat(entry.offset),
         std::string(RecordKindName(entry.key.kind)), entry.key.digest.ToHex(),
         std::string(EncodingName(entry.encoding)),
         absl::StrCat(entry.plain_length), absl::StrCat(entry.stored_length),
         absl::StrCat(entry.epoch), absl::StrCat(entry.sequence),
         !proves.has_value() ? "-"
         : *proves           ? "yes"
                             : "NO"});
  }
  table.Print(out, "no records");
}

absl::StatusOr<ExitCode> RunPack(const Arguments& arguments,
                                 CommandContext& context) {
  ASSIGN_OR_RETURN(const auto pack, OpenPack(arguments.path));
  const absl::StatusOr<PackSurvey> survey = pack->Survey(
      arguments.quick ? SurveyDepth::kFooter : SurveyDepth::kPayloads);
  if (!survey.ok()) return Local(survey.status());
  if (context.json()) {
    context.out() << Print(PackJson(*pack, *survey));
  } else {
    PrintPack(*pack, *survey, context.out());
  }
  const bool whole = survey->header.has_value() && survey->damaged.empty() &&
                     survey->damaged_bytes == 0;
  return whole ? kExitOk : kExitDamaged;
}

// A record of a pack, as far as it proves.
struct ReadRecord {
  RecordHeader header;   // proved
  absl::Status payload;  // whether it has the header's digest
  // Whether it decodes to its key.
  absl::StatusOr<std::string> plain = absl::UnknownError("not read");
};

absl::StatusOr<ReadRecord> ReadAt(const Arguments& arguments) {
  ASSIGN_OR_RETURN(const auto pack, OpenPack(arguments.path));
  const absl::StatusOr<RecordHeader> header =
      pack->ReadHeader(*arguments.offset);
  if (!header.ok()) return Local(header.status());
  ReadRecord result = {.header = *header};
  const absl::StatusOr<Record> record =
      pack->ReadRecord(header->key, *arguments.offset, header->stored_length);
  result.payload = Local(record.status());
  result.plain = record.ok() ? DecodeRecord(*record) : result.payload;
  return result;
}

std::string Outcome(const absl::Status& status) {
  return status.ok() ? "proves" : absl::StrCat("NO: ", status.message());
}

absl::StatusOr<ExitCode> RunRecord(const Arguments& arguments,
                                   CommandContext& context) {
  ASSIGN_OR_RETURN(const ReadRecord record, ReadAt(arguments));
  const PackEntry entry = EntryOf(record.header, *arguments.offset);
  if (!arguments.output.empty()) {
    RETURN_IF_ERROR(record.plain.status());
    PosixFileSystem files;
    const auto file = files.Create(arguments.output);
    if (!file.ok()) return Local(file.status());
    const std::string_view pieces[] = {*record.plain};
    RETURN_IF_ERROR(Local((*file)->WriteAt(0, pieces)));
    RETURN_IF_ERROR(Local((*file)->Sync()));
  }
  if (context.json()) {
    Json json = EntryJson(entry);
    json["payload_digest"] = record.header.payload_digest.ToHex();
    json["header_proves"] = true;
    json["payload_proves"] = record.payload.ok();
    json["decodes"] = record.plain.ok();
    json["problem"] = record.plain.ok()
                          ? Json(nullptr)
                          : Json(std::string(record.plain.status().message()));
    context.out() << Print(json);
  } else {
    context.out() << "record     " << entry.key.ToString() << "\n"
                  << "offset     " << entry.offset << "\n"
                  << "encoding   " << EncodingName(entry.encoding) << "\n"
                  << "plain      " << entry.plain_length << " bytes\n"
                  << "stored     " << entry.stored_length << " bytes\n"
                  << "epoch      " << entry.epoch << "\n"
                  << "sequence   " << entry.sequence << "\n"
                  << "header     proves\n"
                  << "payload    " << Outcome(record.payload) << "\n"
                  << "decodes    " << Outcome(record.plain.status()) << "\n";
  }
  // One that only a key opens is not damaged.
  return absl::IsDataLoss(record.plain.status()) ? kExitDamaged : kExitOk;
}

// The plain bytes that a page or manifest is decoded from, and what their
// record says they are; nothing does for a raw file.
struct Plain {
  std::string bytes;
  std::optional<RecordKind> kind;
};

absl::StatusOr<Plain> ReadPlain(const Arguments& arguments) {
  if (arguments.offset.has_value()) {
    ASSIGN_OR_RETURN(const ReadRecord record, ReadAt(arguments));
    ASSIGN_OR_RETURN(std::string plain, record.plain);
    return Plain{std::move(plain), record.header.key.kind};
  }
  const PosixFileSystem files;
  const auto file = files.OpenForRead(arguments.path);
  if (!file.ok()) return Local(file.status());
  absl::StatusOr<std::string> bytes = (*file)->ReadAt(0, kMaxRawBytes + 1);
  if (!bytes.ok()) return Local(bytes.status());
  if (bytes->size() > kMaxRawBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        arguments.path, " is longer than ", kMaxRawBytes,
        " bytes; for a record in a pack say where, with --offset"));
  }
  return Plain{*std::move(bytes), std::nullopt};
}

absl::Status WrongKind(RecordKind kind, std::string_view wanted) {
  return absl::InvalidArgumentError(
      absl::StrCat("the record is of kind ", RecordKindName(kind), ", not ",
                   wanted, "; `cairn inspect pack` lists where which are"));
}

absl::StatusOr<ExitCode> RunPage(const Arguments& arguments,
                                 CommandContext& context) {
  ASSIGN_OR_RETURN(const Plain plain, ReadPlain(arguments));
  if (plain.kind.has_value() && *plain.kind != RecordKind::kPage) {
    return WrongKind(*plain.kind, "page");
  }
  ASSIGN_OR_RETURN(const Page page, DecodePage(plain.bytes));
  const std::string digest = Sha256(plain.bytes).ToHex();
  if (context.json()) {
    Json json = {{"page", digest}};
    json.update(ToJson(page));
    context.out() << Print(json);
  } else {
    context.out() << "page " << digest << "\n";
    PrintPage(page, context.out());
  }
  return kExitOk;
}

template <typename Message>
absl::StatusOr<Message> ParseRecord(const Plain& plain, std::string_view what) {
  Message message;
  if (!message.ParseFromArray(plain.bytes.data(),
                              static_cast<int>(plain.bytes.size()))) {
    return absl::DataLossError(
        absl::StrCat(plain.bytes.size(), " bytes do not decode as ", what));
  }
  constexpr uint32_t kFormatVersion = 1;
  if (message.format_version() != kFormatVersion) {
    return absl::DataLossError(
        absl::StrCat("not ", what, " that this release reads: format version ",
                     message.format_version(), ", known is ", kFormatVersion));
  }
  return message;
}

absl::StatusOr<ExitCode> RunManifest(const Arguments& arguments,
                                     CommandContext& context) {
  ASSIGN_OR_RETURN(const Plain plain, ReadPlain(arguments));
  if (plain.kind == RecordKind::kEvent) {
    ASSIGN_OR_RETURN(const auto event,
                     ParseRecord<record::v1::Event>(plain, "an event"));
    context.out() << Print(ToJson(event));
    return kExitOk;
  }
  if (plain.kind.has_value() && *plain.kind != RecordKind::kManifest) {
    return WrongKind(*plain.kind, "manifest or event");
  }
  ASSIGN_OR_RETURN(const auto manifest,
                   ParseRecord<record::v1::Manifest>(plain, "a manifest"));
  if (context.json()) {
    context.out() << Print(ToJson(manifest));
  } else {
    PrintManifest(manifest, context.out());
  }
  return kExitOk;
}

using Run = absl::StatusOr<ExitCode> (*)(const Arguments&, CommandContext&);

// A subcommand of one path, whose further options `arguments` takes.
CLI::App* AddInspect(CLI::App* parent, const std::string& name,
                     const std::string& description, const std::string& example,
                     const std::shared_ptr<Arguments>& arguments, Run run,
                     Action* chosen) {
  CLI::App* command = AddCommand(parent, name, description, example);
  command->add_option("PATH", arguments->path, "the file")->required();
  command->callback([arguments, run, chosen] {
    *chosen = [arguments, run](CommandContext& context) {
      return run(*arguments, context);
    };
  });
  return command;
}

void AddOffset(CLI::App* command, const std::shared_ptr<Arguments>& arguments,
               bool required) {
  command
      ->add_option("--offset", arguments->offset,
                   "PATH is a pack: where the record's header stands, in "
                   "bytes, as `cairn inspect pack` lists it")
      ->required(required);
}

}  // namespace

void AddInspectCommand(CLI::App* root, Action* chosen) {
  CLI::App* parent = AddCommand(
      root, "inspect",
      "Look into the files of a store, without a server and changing nothing",
      "cairn inspect pack /var/lib/cairn/chunk_storage/datastores/*/packs/"
      "UUID.pack");
  parent->require_subcommand(1);
  auto pack = std::make_shared<Arguments>();
  AddInspect(parent, "pack",
             "List and prove the records of a pack; exit code 13 if some are "
             "damaged",
             "cairn inspect pack UUID.pack\n"
             "cairn inspect pack UUID.pack --output-format json",
             pack, RunPack, chosen)
      ->add_flag("--quick", pack->quick, "believe the footer, read no records");
  auto record = std::make_shared<Arguments>();
  CLI::App* command = AddInspect(
      parent, "record", "Show and prove one record of a pack",
      "cairn inspect record UUID.pack --offset 4096\n"
      "cairn inspect record UUID.pack --offset 4096 --output chunk.bin",
      record, RunRecord, chosen);
  AddOffset(command, record, /*required=*/true);
  command->add_option("--output", record->output,
                      "a new file for the decoded payload");
  auto page = std::make_shared<Arguments>();
  AddOffset(AddInspect(parent, "page",
                       "Decode a page: a record of a pack, or a file that "
                       "`inspect record --output` wrote",
                       "cairn inspect page UUID.pack --offset 8192\n"
                       "cairn inspect page page.bin --output-format json",
                       page, RunPage, chosen),
            page, /*required=*/false);
  auto manifest = std::make_shared<Arguments>();
  AddOffset(
      AddInspect(parent, "manifest",
                 "Decode a snapshot's manifest, or an event, as `page` does",
                 "cairn inspect manifest UUID.pack --offset 12288\n"
                 "cairn inspect manifest manifest.bin",
                 manifest, RunManifest, chosen),
      manifest, /*required=*/false);
}

}  // namespace cairn::client
