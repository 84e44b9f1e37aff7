package token

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// sealKeyBytes is the size of a key-encryption key: AES-256.
const sealKeyBytes = 32

// Sealer encrypts the private halves of signing keys for the store: JWE, dir
// and A256GCM, under a key-encryption key that the store never sees.
type Sealer struct {
	encrypter jose.Encrypter
	keys      map[string][]byte // by kid
}

// NewSealer reads key-encryption keys: each 32 bytes in base64, with white space
// between them. The first encrypts; the others only open what they have
// encrypted, so that a key-encryption key can be exchanged.
func NewSealer(text string) (*Sealer, error) {
	s := &Sealer{keys: map[string][]byte{}}
	for i, word := range strings.Fields(text) {
		key, err := base64.StdEncoding.DecodeString(word)
		if err != nil || len(key) != sealKeyBytes { // the cause would quote it
			return nil, fmt.Errorf("token: key-encryption key %d is not %d bytes in base64", i+1, sealKeyBytes)
		}
		sum := sha256.Sum256(key)
		kid := base64.RawURLEncoding.EncodeToString(sum[:9])
		s.keys[kid] = key
		if s.encrypter != nil {
			continue
		}
		s.encrypter, err = jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.DIRECT, Key: key, KeyID: kid}, nil)
		if err != nil {
			return nil, fmt.Errorf("token: %w", err)
		}
	}
	if s.encrypter == nil {
		return nil, errors.New("token: there is no key-encryption key")
	}
	return s, nil
}

// newKey makes a signing key, its private half sealed.
func (s *Sealer) newKey() (SigningKey, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return SigningKey{}, fmt.Errorf("token: %w", err)
	}
	id, err := thumbprint(public)
	if err != nil {
		return SigningKey{}, err
	}
	sealed, err := s.encrypter.Encrypt(private.Seed())
	if err != nil {
		return SigningKey{}, fmt.Errorf("token: seal: %w", err)
	}
	text, err := sealed.CompactSerialize()
	if err != nil {
		return SigningKey{}, fmt.Errorf("token: seal: %w", err)
	}
	return SigningKey{ID: id, Public: public, Sealed: text}, nil
}

// open gives the private half of a key. It must belong to the public one and to
// the ID: who can write to the store cannot put one key in another's place.
func (s *Sealer) open(k SigningKey) (ed25519.PrivateKey, error) {
	sealed, err := jose.ParseEncrypted(k.Sealed, []jose.KeyAlgorithm{jose.DIRECT}, []jose.ContentEncryption{jose.A256GCM})
	if err != nil {
		return nil, fmt.Errorf("token: key %s: %w", k.ID, err)
	}
	with, ok := s.keys[sealed.Header.KeyID]
	if !ok {
		return nil, fmt.Errorf("token: key %s is sealed with the key-encryption key %.20q, which is not among those of the secret store", k.ID, sealed.Header.KeyID)
	}
	seed, err := sealed.Decrypt(with)
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("token: key %s cannot be opened", k.ID)
	}
	private := ed25519.NewKeyFromSeed(seed)
	public, _ := private.Public().(ed25519.PublicKey)
	if id, err := thumbprint(public); err != nil || id != k.ID || !public.Equal(k.Public) {
		return nil, fmt.Errorf("token: key %s: its private half belongs to another key", k.ID)
	}
	return private, nil
}

// thumbprint names a key by RFC 7638.
func thumbprint(public ed25519.PublicKey) (string, error) {
	sum, err := (&jose.JSONWebKey{Key: public}).Thumbprint(crypto.SHA256)
	if err != nil {
		return "", fmt.Errorf("token: thumbprint: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(sum), nil
}
