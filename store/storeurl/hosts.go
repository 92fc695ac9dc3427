package storeurl

import (
	"net/url"
	"strings"
)

// parse is url.Parse for URLs that may have several hosts, separated by commas, IPv6 addresses
// in brackets among them.
func parse(rawURL string) (*url.URL, error) {
	before, after := authority(rawURL)
	if !strings.Contains(rawURL[before:after], ",") {
		return url.Parse(rawURL)
	}
	u, err := url.Parse(rawURL[:before] + "host" + rawURL[after:])
	if err != nil {
		return nil, err
	}
	var hosts []string
	for host := range strings.SplitSeq(rawURL[before:after], ",") {
		one, err := url.Parse("//" + host)
		if err != nil {
			return nil, err
		}
		hosts = append(hosts, one.Host)
	}
	u.Host = strings.Join(hosts, ",")
	return u, nil
}

// authority returns where the hosts of a URL begin and end, which is equal if there are none.
func authority(rawURL string) (before, after int) {
	scheme, rest, ok := strings.Cut(rawURL, "://")
	if !ok || strings.ContainsAny(scheme, "/?#") {
		return 0, 0
	}
	before = len(rawURL) - len(rest)
	after = len(rawURL)
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		after = before + end
	}
	return before + strings.LastIndex(rawURL[before:after], "@") + 1, after
}

// Hosts returns the hosts of a URL, each as a URL that has nothing else, for Hostname and Port.
func Hosts(u *url.URL) []url.URL {
	var list []url.URL
	for host := range strings.SplitSeq(u.Host, ",") {
		list = append(list, url.URL{Host: host})
	}
	return list
}
