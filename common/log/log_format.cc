#include "common/log/log_format.h"

#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/text/utf8.h"

namespace cairn {
namespace {

// C1 controls are two bytes in UTF-8, and terminals obey some of them.
bool IsC1Control(std::string_view sequence) {
  return sequence.size() == 2 && sequence[0] == '\xC2' &&
         static_cast<unsigned char>(sequence[1]) < 0xA0;
}

void AppendEscaped(std::string_view text, size_t limit, bool json,
                   std::string* out) {
  const bool cut = text.size() > limit;
  if (cut) text = text.substr(0, limit);
  while (!text.empty()) {
    const size_t length = Utf8SequenceLength(text);
    if (length == 0) {
      // The end of a cut text may hold half of a sequence: dropped.
      if (cut && text.size() < 4) break;
      absl::StrAppend(out, json ? "\\ufffd" : "\\x");
      if (!json) {
        absl::StrAppendFormat(out, "%02x", static_cast<unsigned char>(text[0]));
      }
      text.remove_prefix(1);
      continue;
    }
    const std::string_view sequence = text.substr(0, length);
    const unsigned char first = static_cast<unsigned char>(sequence[0]);
    if (json && (first == '"' || first == '\\')) {
      out->push_back('\\');
      out->push_back(static_cast<char>(first));
    } else if (first == '\n' && json) {
      absl::StrAppend(out, "\\n");
    } else if (first < 0x20 || first == 0x7F) {
      absl::StrAppendFormat(out, json ? "\\u%04x" : "\\x%02x", first);
    } else if (IsC1Control(sequence)) {
      absl::StrAppendFormat(out, json ? "\\u%04x" : "\\x%02x",
                            static_cast<unsigned char>(sequence[1]));
    } else {
      out->append(sequence);
    }
    text.remove_prefix(length);
  }
  if (cut) absl::StrAppend(out, "...");
}

void AppendJsonMember(std::string_view name, std::string_view value,
                      size_t limit, std::string* out) {
  absl::StrAppend(out, out->size() > 1 ? ",\"" : "\"");
  AppendEscaped(name, kMaxLogFieldBytes, /*json=*/true, out);
  absl::StrAppend(out, "\":\"");
  AppendEscaped(value, limit, /*json=*/true, out);
  out->push_back('"');
}

void AppendJsonField(const LogField& field, std::string* out) {
  if (!field.is_number) {
    AppendJsonMember(field.name, field.value, kMaxLogFieldBytes, out);
    return;
  }
  absl::StrAppend(out, ",\"");
  AppendEscaped(field.name, kMaxLogFieldBytes, /*json=*/true, out);
  absl::StrAppend(out, "\":", field.value);
}

std::string TimeText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d%ET%H:%M:%E9SZ", time, absl::UTCTimeZone());
}

}  // namespace

std::string FormatJson(const LogLine& line) {
  std::string out = "{";
  AppendJsonMember("ts", TimeText(line.time), kMaxLogFieldBytes, &out);
  AppendJsonMember("level", LogLevelName(line.level), kMaxLogFieldBytes, &out);
  AppendJsonMember("service", line.service, kMaxLogFieldBytes, &out);
  AppendJsonMember("version", line.version, kMaxLogFieldBytes, &out);
  AppendJsonMember("msg", line.message, kMaxLogMessageBytes, &out);
  for (const auto& fields : {line.work_fields, line.own_fields, line.fields}) {
    for (const LogField& field : fields) AppendJsonField(field, &out);
  }
  out.push_back('}');
  return out;
}

std::string FormatText(const LogLine& line) {
  std::string out =
      absl::StrCat(TimeText(line.time), " ",
                   absl::AsciiStrToUpper(LogLevelName(line.level)), " ");
  AppendEscaped(line.message, kMaxLogMessageBytes, /*json=*/false, &out);
  for (const auto& fields : {line.work_fields, line.own_fields, line.fields}) {
    for (const LogField& field : fields) {
      out.push_back(' ');
      AppendEscaped(field.name, kMaxLogFieldBytes, /*json=*/false, &out);
      out.push_back('=');
      AppendEscaped(field.value, kMaxLogFieldBytes, /*json=*/false, &out);
    }
  }
  return out;
}

}  // namespace cairn
