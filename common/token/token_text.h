#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "common/model/digest.h"
#include "common/model/uuid.h"

// How a bearer token is written:
//
//   cairn_IIIIIIIIIIIIIIIIIIIIII_SSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSS
//         id, 22 characters      secret, 43 characters
//
// 16 and 32 bytes in base64url without padding. The id is no secret; the
// secret is 256 random bits, of which its SHA-256 alone is kept. It has one
// written form: bits beyond the bytes are zero.
namespace cairn {

inline constexpr size_t kTokenIdChars = 22;
inline constexpr size_t kTokenSecretBytes = 32;
inline constexpr size_t kTokenTextChars = 72;

// What a server looks a token up by, and proves it with.
struct TokenProof {
  Uuid id;
  Digest secret_hash;
};

// `secret` has kTokenSecretBytes bytes. The result is as secret as it.
std::string FormatTokenText(const Uuid& id, std::string_view secret);
// None: not of this form. `text` is untrusted, of any length.
std::optional<TokenProof> ParseTokenText(std::string_view text);

// Of the bytes that FormatTokenText takes.
Digest HashTokenSecret(std::string_view secret);

std::string FormatTokenId(const Uuid& id);
std::optional<Uuid> ParseTokenId(std::string_view text);

}  // namespace cairn
