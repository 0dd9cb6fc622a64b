#pragma once

#include "common/model/digest.h"

namespace cairn {

// Whether they are the same, in a time that does not tell where they differ.
bool EqualInConstantTime(const Digest& a, const Digest& b);

}  // namespace cairn
