// Which elements are on the screen, or near it.

/** @type {Map<Element, (visible: boolean) => void>} */
const watched = new Map();
const visibility = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) watched.get(target)?.(isIntersecting);
}, { rootMargin: "200px" });

/**
 * Call `onChange` with whether an element is visible, now and whenever that changes. Returns a function that ends it.
 * @param {Element} element
 * @param {(visible: boolean) => void} onChange
 */
export function watchVisibility(element, onChange) {
  watched.set(element, onChange);
  visibility.observe(element);
  return () => {
    visibility.unobserve(element);
    watched.delete(element);
  };
}
