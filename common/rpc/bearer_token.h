#pragma once

#include <span>
#include <string_view>

namespace cairn {

// What the metadata "authorization" of a call says, which anybody may write.
struct ShownToken {
  enum class Kind {
    kNone,       // there is no such metadata
    kMalformed,  // it is no bearer token, or there is more than one
    kToken,
  };
  Kind kind = Kind::kNone;
  std::string_view token;  // kToken: 1..TokenDirectory::kMaxTokenBytes bytes
};

// `values`: those of all entries with this key. A value is "Bearer TOKEN"
// (the word in any case, one space), TOKEN as RFC 6750 has it: letters,
// digits and -._~+/ , then any number of =.
ShownToken ReadBearerToken(std::span<const std::string_view> values);

}  // namespace cairn
