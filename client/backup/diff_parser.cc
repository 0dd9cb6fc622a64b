#include "client/backup/diff_parser.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

constexpr std::string_view kBanner = "rbd diff v1\n";

std::string Quoted(std::string_view text) {
  return absl::StrCat("\"", absl::CHexEscape(text), "\"");
}

}  // namespace

absl::Status DiffParser::Error(std::string_view what) const {
  return absl::InvalidArgumentError(
      absl::StrCat(name_, ": byte ", input_offset_ + at_, ": ", what));
}

void DiffParser::Add(std::string bytes) {
  input_offset_ += input_.size();
  input_ = std::move(bytes);
  at_ = 0;
}

bool DiffParser::Gather(size_t length) {
  const size_t taken = std::min(length - field_.size(), available());
  field_.append(input_, at_, taken);
  at_ += taken;
  return field_.size() == length;
}

uint64_t DiffParser::Number(size_t at, size_t bytes) const {
  uint64_t number = 0;
  for (size_t i = bytes; i > 0; --i) {
    number = number << 8 | static_cast<unsigned char>(field_[at + i - 1]);
  }
  return number;
}

absl::StatusOr<std::optional<Frame>> DiffParser::Next() {
  while (true) {
    if (hole_.has_value()) return std::exchange(hole_, std::nullopt);
    if (state_ == State::kData && available() > 0) return TakeData();
    ASSIGN_OR_RETURN(const bool stepped, Step());
    if (!stepped) return std::nullopt;
  }
}

absl::StatusOr<bool> DiffParser::Step() {
  switch (state_) {
    case State::kBanner:
      if (!Gather(kBanner.size())) return false;
      if (field_ != kBanner) {
        return absl::InvalidArgumentError(absl::StrCat(
            name_, ": begins with ", Quoted(field_), ", a diff with ",
            Quoted(kBanner), ", as `rbd export-diff` writes it"));
      }
      state_ = State::kTag;
      break;
    case State::kTag:
      if (!Gather(1)) return false;
      RETURN_IF_ERROR(TakeTag(field_[0]));
      break;
    case State::kNameLength:
      if (!Gather(4)) return false;
      RETURN_IF_ERROR(TakeNameLength());
      break;
    case State::kName:
      return SkipName();
    case State::kSize:
      if (!Gather(8)) return false;
      RETURN_IF_ERROR(TakeSize());
      break;
    case State::kRange:
      if (!Gather(16)) return false;
      RETURN_IF_ERROR(TakeRange());
      break;
    case State::kData:
      return false;
    case State::kEnd:
      if (available() == 0) return false;
      return Error("something follows the end record; nothing may");
  }
  field_.clear();
  return true;
}

absl::Status DiffParser::TakeTag(char tag) {
  tag_ = tag;
  switch (tag) {
    case 'f':
    case 't':
      state_ = State::kNameLength;
      break;
    case 's':
      state_ = State::kSize;
      break;
    case 'w':
    case 'z':
      state_ = State::kRange;
      break;
    case 'e':
      state_ = State::kEnd;
      break;
    default:
      return Error(absl::StrCat("a record of kind ",
                                Quoted(std::string_view(&tag, 1)),
                                ", allowed are f, t, s, w, z and e"));
  }
  if (tag == 'f' || tag == 't' || tag == 's') {
    if (!has_ranges_) return absl::OkStatus();
    return Error(absl::StrCat("record ", Quoted(std::string_view(&tag, 1)),
                              " comes behind the first range; it must come "
                              "before"));
  }
  if (size_bytes_.has_value()) return absl::OkStatus();
  return Error(absl::StrCat("record ", Quoted(std::string_view(&tag, 1)),
                            " comes before the size of the image, record s"));
}

absl::Status DiffParser::TakeNameLength() {
  left_ = Number(0, 4);
  if (left_ > kMaxNameBytes) {
    return Error(absl::StrCat("the name of a snapshot has ", left_,
                              " bytes, allowed are 0 to ", kMaxNameBytes));
  }
  state_ = State::kName;
  return absl::OkStatus();
}

bool DiffParser::SkipName() {
  const uint64_t skipped = std::min<uint64_t>(left_, available());
  at_ += skipped;
  left_ -= skipped;
  if (left_ > 0) return false;
  state_ = State::kTag;
  return true;
}

absl::Status DiffParser::TakeSize() {
  if (size_bytes_.has_value()) {
    return Error("a second size of the image; there may be one");
  }
  const uint64_t size = Number(0, 8);
  if (size > kMaxSizeBytes) {
    return Error(absl::StrCat("the image has ", size, " bytes, allowed are ",
                              kMaxSizeBytes));
  }
  size_bytes_ = size;
  state_ = State::kTag;
  return absl::OkStatus();
}

absl::Status DiffParser::TakeRange() {
  has_ranges_ = true;
  const uint64_t offset = Number(0, 8);
  uint64_t length = Number(8, 8);
  state_ = State::kTag;
  if (length == 0) return absl::OkStatus();
  if (offset < position_) {
    return Error(absl::StrCat("a range at ", offset,
                              " comes behind one that ends at ", position_,
                              "; they must come in order"));
  }
  const uint64_t room = *size_bytes_ - std::min(*size_bytes_, offset);
  if (tag_ == 'z') {
    // An image that has shrunk may be said to have zeros behind its end.
    length = std::min(length, room);
    if (length == 0) return absl::OkStatus();
    hole_ = Frame{.offset = offset, .hole_bytes = length};
    position_ = offset + length;
    return absl::OkStatus();
  }
  if (length > room) {
    return Error(absl::StrCat("a range of ", length, " bytes at ", offset,
                              " ends behind the image, which has ",
                              *size_bytes_));
  }
  position_ = offset;
  left_ = length;
  state_ = State::kData;
  return absl::OkStatus();
}

Frame DiffParser::TakeData() {
  const size_t length =
      std::min<uint64_t>({left_, uint64_t{available()}, uint64_t{kFrameBytes}});
  Frame frame = {.offset = position_, .data = input_.substr(at_, length)};
  at_ += length;
  position_ += length;
  left_ -= length;
  if (left_ == 0) state_ = State::kTag;
  return frame;
}

absl::Status DiffParser::Finish() const {
  if (state_ == State::kEnd) return absl::OkStatus();
  return Error("the stream ends before its end record, so it was cut off");
}

}  // namespace cairn::client
