package throttle

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
)

// Key names a guard. What it stands for is hashed: nobody should read in the
// store who has tried to sign in from where.
type Key struct {
	ID string
	Policy
}

func key(kind, of string, p Policy) Key {
	sum := sha256.Sum256([]byte(kind + "\x00" + of))
	return Key{ID: kind + ":" + hex.EncodeToString(sum[:16]), Policy: p}
}

// ByEmail guards the account of a normal e-mail, or what would be one, against
// strangers.
func ByEmail(email string) Key { return key("email", email, Account) }

// ByCode guards the second factor of the account.
func ByCode(email string) Key { return key("code", email, Account) }

// ByDevice guards an account against one of its own devices.
func ByDevice(id string) Key { return key("device", id, Device) }

// ByOwner guards what a signed-in user has to give the password for.
func ByOwner(userID string) Key { return key("owner", userID, Account) }

// ByAddress guards all accounts against a client's IP address. There is none
// for what is no address, or one of the machine itself, which is not a
// client's but that of a proxy.
func ByAddress(address string) []Key { return byNetwork("address", address, Address) }

// ByRequest guards what anybody may ask for at an address; kind says what.
func ByRequest(kind, address string) []Key { return byNetwork("request-"+kind, address, Requests) }

func byNetwork(kind, address string, p Policy) []Key {
	ip, err := netip.ParseAddr(address)
	if err != nil || ip.Unmap().IsLoopback() {
		return nil
	}
	ip = ip.Unmap().WithZone("")
	bits := 32
	if ip.Is6() {
		bits = 64 // a household has as much, and can use it all
	}
	network, err := ip.Prefix(bits)
	if err != nil {
		return nil
	}
	return []Key{key(kind, network.String(), p)}
}
