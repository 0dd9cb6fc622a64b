#pragma once

// Resident memory of this process, in MiB.
namespace cairn {

double ResidentMiB();
// The most since the start, or since ForgetPeak.
double PeakMiB();
// Gives back to the system what is free, and begins anew with what is left.
void ForgetPeak();

}  // namespace cairn
