/** The product mark: a stained lymphocyte under a reticle. */
export function Mark({ size = 28 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="8" fill="#164f58" />
      <circle cx="16" cy="16" r="8.5" fill="none" stroke="#c98f5c" strokeWidth="3" />
      <circle cx="16" cy="16" r="4.2" fill="#b9cbe8" />
      <path
        d="M16 2.5v4M16 25.5v4M2.5 16h4M25.5 16h4"
        stroke="#fff"
        strokeWidth="1.6"
        strokeLinecap="round"
        opacity="0.85"
      />
    </svg>
  );
}
