package signin

import (
	"errors"
	"slices"

	"tienda/internal/fault"
	"tienda/services/users/internal/device"
	"tienda/services/users/internal/throttle"
)

// all are the guards that may count for an attempt, to be read together.
func all(email string, who device.Device, address string) []throttle.Key {
	keys := append(passwordGate(email, device.Device{}, address), throttle.ByCode(email))
	if who.Known() {
		keys = append(keys, throttle.ByDevice(who.ID))
	}
	return keys
}

// passwordGate are the guards that a try must find open, and that count it if
// the password is wrong.
func passwordGate(email string, who device.Device, address string) []throttle.Key {
	if who.Known() {
		return []throttle.Key{throttle.ByDevice(who.ID)}
	}
	return append([]throttle.Key{throttle.ByEmail(email)}, throttle.ByAddress(address)...)
}

// codeGate are those that a code must find open as well: a stranger who has
// the password does not close the owner's devices out with wrong codes.
func codeGate(email string, who device.Device) []throttle.Key {
	if who.Known() {
		return nil
	}
	return []throttle.Key{throttle.ByCode(email)}
}

// codeCount are the guards that count a wrong code: that of the account in any
// case.
func codeCount(email string, who device.Device, address string) []throttle.Key {
	keys := []throttle.Key{throttle.ByCode(email)}
	if who.Known() {
		return append(keys, throttle.ByDevice(who.ID))
	}
	return append(keys, throttle.ByAddress(address)...)
}

// forget are the guards that a sign-in clears: all that it has passed but that
// of the address, which an attacker would clear with an account of his own.
func forget(gate []throttle.Key, address string) []throttle.Key {
	keep := throttle.ByAddress(address)
	return slices.DeleteFunc(slices.Clone(gate), func(k throttle.Key) bool { return slices.Contains(keep, k) })
}

// isCode says whether the second factor was refused.
func isCode(err error, f **fault.Error) bool {
	return errors.As(err, f) && (*f).Code == errSecondFactor.Code
}
