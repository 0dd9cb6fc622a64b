#pragma once

#include <string>
#include <string_view>

// How settings are written, in YAML and in the environment.
namespace cairn {

// Whether `name` is one that a setting may have: [a-z][a-z0-9-]*.
bool IsSettingName(std::string_view name);

// "max-streams" in the environment: "CAIRN_MAX_STREAMS".
std::string EnvironmentName(std::string_view setting);

// Whether the variable is one of the client, of a test, or that Kubernetes
// sets for a Service whose name begins with "cairn-".
bool IsVariableOfOthers(std::string_view name);

// A double-quoted YAML scalar: right for every string.
std::string YamlQuote(std::string_view value);

// As lines of YAML comments, cut between words.
void AppendComment(std::string_view text, std::string* yaml);

// What a file that explains the settings of `program` begins with.
std::string ExampleHeader(std::string_view program);

}  // namespace cairn
