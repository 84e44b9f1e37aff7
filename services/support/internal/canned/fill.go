package canned

import "context"

// Fill gives the text of a reply in a language, or in its own, with its places
// filled in.
func (s *Service) Fill(ctx context.Context, id, language string, values map[Place]string) (string, error) {
	r, err := s.store.Get(ctx, id)
	if err != nil {
		return "", err
	}
	return r.Render(language, values), nil
}
