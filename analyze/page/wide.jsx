// SPDX-License-Identifier: MIT

// What may be wider than the page is scrolled by itself, by keys, too.
export const Wide = ({ name, children }) => <div class="wide" tabIndex={0} role="region" aria-label={name}>{children}</div>;
