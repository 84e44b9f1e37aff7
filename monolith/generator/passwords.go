package generator

import (
	"crypto/md5"  //nolint:gosec // what the legacy shop once used
	"crypto/sha1" //nolint:gosec // what the legacy shop once used
	"encoding/hex"
	"fmt"
)

// bcryptHashes are those of Password(0), Password(1) and so on. Bcrypt's salts are
// random: hashes that are made anew would be others on every run, and slow for many.
var bcryptHashes = [...]string{
	"$2a$04$wlQGPYUHQkv4G6wSikdwseZDrqbG.9NAFyO4rB8Zy4jj23APyWzRe",
	"$2a$05$RzUBK4fxwR6T/Et/tT3Gzua0t9qEB/wU64XW70E9wvGuZ8GUl5PWC",
	"$2a$06$6XvireyZeAcgQaq4MUcoeuBVNXX0NCi0tAXzQGVOOCWBNx2v2UDcu",
	"$2y$07$mXujvPek6.Xh1u9WNI6N5uS3kLvHYrcrKxDcwuhli/7d7g.5U7H3K",
	"$2a$08$Dr0Lr778U2HS7WsJePqZ3O1KhlGmI7gmNh4dSh4TMVBdAkXx7/vUW",
	"$2a$09$3rQLDTqXhOn8rGvTYTZgnullqNDtmPiKC2mVJSEMXENWarnf5jFU6",
	"$2a$10$SFSkSbkE8BFu8IcN4Kui0uInKPvTR3QkTym6TSMMustw1IrGuANJ.",
	"$2a$04$eVG.NPIK.BQNj0EDa7hK8eyWpO0w7MqbnIfI4Rbg0ZrV/ZHkTkXRO",
	"$2y$05$2kC6UdOQLrTNgye/BZ5pLetO/qHTJCU8jhJCpa8Kbg14MqC5nmkIa",
	"$2a$06$HIqHAhvKwne3Igi2AVo64ekYMPDnFSh4lKEdrAqFO7XB/iFI8eR9q",
	"$2a$07$keBfABefJzJAdd7gM6eAwea4S3d55Jhtq67oDq4BbbLIZuCP0i/Wy",
	"$2a$08$YDB7zmWErY/FU.E6hYKfNuM3S1D2ekKXMgrbo21eN6fI0xNJuZwL6",
	"$2a$09$QQ4f25j8jWqz5az8GR7dwuotN.GmhJ88/stUKICANggKX/W2xRwPC",
	"$2y$10$5VzrUU5vwKl2.plG2Qwdq..MKjQ9hnM9MDYmwzpMCgUZ2SjtvE1OG",
	"$2a$04$b5abyro8lvvfuxeu6hXkuuudl9X/LTG4QWUAFJiDuII3Hnd31lkrK",
	"$2a$05$ly4G6DlI7G/R12l9/DdGxe0sHrcJx/0Xo/XKs5ckjBkBa9gtQCUS2",
}

// Password is the plain password of a generated customer, or of a generated employee,
// by ID. Some have the same, as people do.
func Password(id int64) string {
	return fmt.Sprintf("Clave-%02d-tienda", id%int64(len(bcryptHashes)))
}

// passwordColumns gives pass_format, pass_hash and pass_salt of a customer: bcrypt for
// seven in ten, salted SHA-1 for two, salted MD5 for one.
func passwordColumns(id int64, salt string) (format, hash string, saltColumn any) {
	switch id % 10 {
	case 3, 7:
		sum := sha1.Sum([]byte(salt + Password(id))) //nolint:gosec // what the legacy shop once used
		return "sha1", hex.EncodeToString(sum[:]), salt
	case 9:
		sum := md5.Sum([]byte(Password(id) + salt)) //nolint:gosec // what the legacy shop once used
		return "md5", hex.EncodeToString(sum[:]), salt
	}
	return "bcrypt", bcryptHash(id), nil
}

func bcryptHash(id int64) string { return bcryptHashes[id%int64(len(bcryptHashes))] }
