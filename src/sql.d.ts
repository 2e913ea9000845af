declare module "*.sql" {
  const text: string;
  export default text;
}

declare module "*.sbatch" {
  const text: string;
  export default text;
}

declare module "*.sge" {
  const text: string;
  export default text;
}
