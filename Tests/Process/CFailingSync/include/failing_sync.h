#pragma once

/// Lets the `number`-th call of fdatasync from now on, and no other, fail with EIO and do nothing. 0: none.
void failing_sync_arm(int number);
