// Times and durations as texts.

import { signal } from "../vendor.js";

/** The time in milliseconds since the epoch. It moves once a second while the page is visible. */
export const now = signal(Date.now());

/** Start the clock of the page. */
export function startClock() {
  setInterval(() => { if (!document.hidden) now.value = Date.now(); }, 1000);
  document.addEventListener("visibilitychange", () => { now.value = Date.now(); });
}

/**
 * Return a number of seconds as "93 s", "4 min", "5 h 20 min" or "3 d 4 h".
 * @param {number} seconds
 */
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 120) return `${whole} s`;
  const minutes = Math.round(whole / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return hours % 24 ? `${Math.floor(hours / 24)} d ${hours % 24} h` : `${hours / 24} d`;
}

/**
 * Return the seconds since a time.
 * @param {string | number} time as RFC 3339 or in milliseconds since the epoch
 */
export const secondsSince = (time) => Math.max(0, (now.value - new Date(time).getTime()) / 1000);

/** @param {string | number} time as RFC 3339 or in milliseconds since the epoch */
export const ago = (time) => (secondsSince(time) < 2 ? "just now" : `${duration(secondsSince(time))} ago`);

/** @param {string | number} time as RFC 3339 or in milliseconds since the epoch */
export const absolute = (time) => new Date(time).toLocaleString();
