export default function Page() {
  return <h1>Live tail</h1>;
}
