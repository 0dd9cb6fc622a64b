#pragma once

#include <span>
#include <string_view>

namespace cairn {

// What the URI names of a server's certificate, which an authority that is
// trusted has signed, say of whether it is the service that was dialled.
enum class ServerIdentity {
  kService,  // it is: spiffe://cairn/service/NAME
  kAnother,  // it is another service, or a person
  kUnsaid,   // nothing: the name of the host has to tell
};

ServerIdentity IdentityOf(std::span<const std::string_view> uris,
                          std::string_view service);

}  // namespace cairn
